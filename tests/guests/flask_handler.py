"""The handler of the application in `flask_quickstart.py`."""

from flask_quickstart import app

from sockeye import wsgi

HttpHandler = wsgi.handler(app)
