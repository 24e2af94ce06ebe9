"""The handler of the application in `quickstart.py`."""

from quickstart import app

from sockeye import wsgi

HttpHandler = wsgi.handler(app)
