"""The demonstration of Python's own WSGI server, as it comes: it shows the environment."""

from wsgiref.simple_server import demo_app

from sockeye import wsgi

HttpHandler = wsgi.handler(demo_app)
