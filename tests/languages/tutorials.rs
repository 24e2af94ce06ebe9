//! Applications as the tutorials of their frameworks have them, which know nothing of sockeye.

use super::projects::built_of;
use crate::server::TestServer;
use crate::tool::Tool;

/// A server of an application, and curl.
struct Application {
    server: TestServer,
    curl: Tool,
}

impl Application {
    #[track_caller]
    fn start(language: &str, source: &str) -> Option<Application> {
        let curl = Tool::find("curl")?;
        let component = built_of(language, "http", source)?;
        let server = TestServer::start_file(&component, &["--reuse", "always"]);
        Some(Application { server, curl })
    }

    /// Checks what curl gets for `path` with these arguments: the status, and text in the body.
    #[track_caller]
    fn check(&self, args: &[&str], path: &str, status: &str, text: &str) {
        let url = self.server.url(path);
        let usual = ["-sS", "--max-time", "60", "-w", "\n%{http_code}", &url];
        let answer = self.curl.run_text(&[&usual, args].concat());
        let (body, got) = answer.rsplit_once('\n').unwrap();
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(text), "{path}: {body}");
    }

    /// Checks that nothing ended an activation badly.
    #[track_caller]
    fn stop(self) {
        assert_eq!(self.server.failures(), 0);
        self.server.stop();
    }
}

#[test]
fn an_application_of_flask_runs_as_its_quickstart_has_it() {
    let Some(flask) = Application::start("python", "flask") else {
        return;
    };
    flask.check(&[], "/", "200", "<p>Hello, World!</p>");
    flask.check(&[], "/hello/%3Cb%3E", "200", "Hello, &lt;b&gt;!");
    flask.check(&[], "/post/42", "200", "Post 42");
    flask.check(&[], "/post/x", "404", "This page does not exist");
    flask.check(&[], "/whoami", "401", "Unauthorized");
    // The session is a cookie that the application signs.
    let login = ["-L", "-b", "", "--data", "username=Ada"];
    flask.check(&login, "/login", "200", "Logged in as Ada");
    flask.check(&["--json", "{\"a\": [1]}"], "/json", "200", "\"a\":[1]");
    flask.check(&["--json", "{"], "/json", "400", "");
    let form = ["-F", "file=@Cargo.toml"];
    flask.check(&form, "/upload", "200", " bytes");
    flask.check(&["-X", "DELETE"], "/login", "405", "Method Not Allowed");
    flask.stop();
}

#[test]
fn an_application_of_plain_wsgi_runs_as_python_brings_it() {
    let Some(demo) = Application::start("python", "wsgi_demo.py") else {
        return;
    };
    demo.check(&[], "/a%20path?query=1", "200", "Hello world!");
    demo.check(&[], "/a%20path?query=1", "200", "PATH_INFO = '/a path'");
    demo.check(&["-A", "me"], "/?query=1", "200", "HTTP_USER_AGENT = 'me'");
    demo.check(
        &["--data", "abc"],
        "/?query=1",
        "200",
        "CONTENT_LENGTH = '3'",
    );
    demo.stop();
}

#[test]
fn a_handler_of_net_http_runs_as_its_tutorial_has_it() {
    let Some(go) = Application::start("go", "go_tutorial/main.go") else {
        return;
    };
    go.check(&[], "/items/7", "200", "item 7\n");
    go.check(
        &["--json", "{\"Name\": \"fish\"}"],
        "/items/",
        "201",
        "{\"Name\":\"fish\"}",
    );
    go.check(&["--json", "{"], "/items/", "400", "unexpected EOF");
    go.check(&["-X", "DELETE"], "/items/7", "405", "Method Not Allowed");
    go.check(&[], "/view/missing", "302", "/edit/missing");
    let save = ["-L", "--data", "body=%3Cb%3E"];
    go.check(
        &save,
        "/save/page",
        "200",
        "<h1>page</h1><div>&lt;b&gt;</div>",
    );
    go.check(&[], "/events", "200", "data: 2\n\n");
    go.check(&[], "/slow", "503", "late");
    // The panic of one request is no trap: the instance goes on, and remembers the page.
    go.check(&[], "/panic", "500", "");
    go.check(&[], "/nil", "500", "");
    go.check(&[], "/view/page", "200", "<h1>page</h1>");
    go.stop();
}
