//! What is served where no directory was granted: what this is, and what to type next.

use sockeye_guest::http::{self, Exchange};

/// For curl, and everything else that does not ask for HTML.
const TEXT: &str = "\
sockeye is running. It serves nothing yet.

To serve the files of a directory:
  sockeye serve --root DIR

To run a handler of your own, a WebAssembly component:
  sockeye serve handler.wasm

To see every option, and the interfaces that a handler is written against:
  sockeye --help
  sockeye wit
";

/// For browsers.
const HTML: &str = "\
<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>sockeye</title>
<h1>sockeye is running</h1>
<p>It serves nothing yet.</p>
<p>To serve the files of a directory:</p>
<pre>sockeye serve --root DIR</pre>
<p>To run a handler of your own, a WebAssembly component:</p>
<pre>sockeye serve handler.wasm</pre>
<p>To see every option, and the interfaces that a handler is written against:</p>
<pre>sockeye --help\nsockeye wit</pre>
</html>
";

/// Answers `/` with the welcome; nothing else exists.
pub(crate) fn answer(exchange: &mut Exchange) -> http::Result {
    if exchange.path() != "/" {
        return crate::text(exchange, 404, "not found\n");
    }
    let accept = exchange.header("accept").unwrap_or_default();
    let (content_type, page) = if accept.split(',').any(is_html) {
        ("text/html; charset=utf-8", HTML)
    } else {
        ("text/plain; charset=utf-8", TEXT)
    };
    let head = exchange.response(200).header("Vary", "Accept");
    Ok(head.content_type(content_type).send(page)?)
}

/// Says whether one element of `Accept` asks for HTML, with a weight that is not zero.
fn is_html(element: &str) -> bool {
    let mut parameters = element.split(';').map(str::trim);
    let html = parameters
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("text/html"));
    let is_zero = |parameter: &str| {
        let weight = parameter
            .strip_prefix("q=")
            .or_else(|| parameter.strip_prefix("Q="));
        weight.and_then(|weight| weight.parse().ok()) == Some(0.0)
    };
    html && !parameters.any(is_zero)
}
