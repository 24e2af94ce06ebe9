"""An application as the quickstart of Flask has it, which knows nothing of sockeye."""

from flask import Flask, abort, jsonify, redirect, request, session, url_for
from markupsafe import escape

app = Flask(__name__)
app.secret_key = "only for tests"


@app.route("/")
def index():
    return "<p>Hello, World!</p>"


@app.route("/hello/<name>")
def hello(name):
    return f"Hello, {escape(name)}!"


@app.route("/post/<int:post_id>")
def show_post(post_id):
    return f"Post {post_id}"


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        session["username"] = request.form["username"]
        return redirect(url_for("whoami"))
    return "<form method=post><input name=username></form>"


@app.route("/whoami")
def whoami():
    if "username" not in session:
        abort(401)
    return f"Logged in as {escape(session['username'])}"


@app.route("/json", methods=["POST"])
def echo_json():
    return jsonify(request.get_json())


@app.route("/upload", methods=["POST"])
def upload():
    return f"{len(request.files['file'].read())} bytes"


@app.errorhandler(404)
def page_not_found(error):
    return "This page does not exist", 404
