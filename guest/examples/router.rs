//! A few routes with a parameter, and JSON in and out.
//!
//! The users live in the memory of the instance: by default as long as a connection stays busy,
//! with `--reuse always` longer, and never in two instances at once. What has to last belongs
//! somewhere else.
//!
//! ```text
//! sockeye serve --reuse always target/guests/router.wasm
//! curl --data '{"name": "Ada"}' http://127.0.0.1:8080/users
//! curl http://127.0.0.1:8080/users/1
//! curl http://127.0.0.1:8080/users
//! ```

use std::io::Read;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use matchit::Router;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sockeye_guest::http::{self, Exchange};

/// The largest JSON body that is read; a larger one is answered with 413.
const BODY_BYTES_MAX: u64 = 16 * 1024;

/// The most users that an instance holds.
const USERS_MAX: usize = 1_000;

/// What a path can be about.
enum Route {
    Users,
    User,
}

static ROUTES: LazyLock<Router<Route>> = LazyLock::new(|| {
    let mut router = Router::new();
    for (path, route) in [("/users", Route::Users), ("/users/{id}", Route::User)] {
        router.insert(path, route).expect("no two paths are alike");
    }
    router
});

static USERS: Mutex<Vec<User>> = Mutex::new(Vec::new());

#[derive(Clone, Serialize)]
struct User {
    id: usize,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
}

fn router(exchange: &mut Exchange) -> http::Result {
    let path = exchange.path().to_owned();
    let Ok(found) = ROUTES.at(&path) else {
        return fail(exchange, 404, "there is nothing at this path");
    };
    match (found.value, exchange.method()) {
        (Route::Users, "GET" | "HEAD") => answer(exchange, 200, &*users()),
        (Route::Users, "POST") => create(exchange),
        (Route::User, "GET" | "HEAD") => show(exchange, found.params.get("id")),
        (Route::Users, _) => not_allowed(exchange, "GET, HEAD, POST"),
        (Route::User, _) => not_allowed(exchange, "GET, HEAD"),
    }
}

fn create(exchange: &mut Exchange) -> http::Result {
    exchange.limit_body(BODY_BYTES_MAX);
    let mut body = Vec::new();
    // What goes wrong here is the client's doing, and returning it answers 400, 408 or 413.
    exchange.read_to_end(&mut body)?;
    let new: NewUser = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(error) => return fail(exchange, 400, &error.to_string()),
    };
    if users().len() == USERS_MAX {
        return fail(exchange, 507, "there are enough users");
    }
    let id = users().len() + 1;
    let user = User { id, name: new.name };
    users().push(user.clone());
    let response = exchange.response(201);
    let response = response.header("Location", format!("/users/{id}"));
    let response = response.content_type("application/json");
    Ok(response.send(serde_json::to_vec(&user)?)?)
}

fn show(exchange: &mut Exchange, id: Option<&str>) -> http::Result {
    // Compared as it is written: `001` and `+1` are no other paths of user 1.
    let named = |user: &&User| id == Some(&*user.id.to_string());
    let user = users().iter().find(named).cloned();
    match user {
        Some(user) => answer(exchange, 200, &user),
        None => fail(exchange, 404, "there is no such user"),
    }
}

fn not_allowed(exchange: &mut Exchange, allow: &str) -> http::Result {
    let response = exchange.response(405).header("Allow", allow);
    let response = response.content_type("application/json");
    Ok(response.send(json!({ "error": "method not allowed" }).to_string())?)
}

fn fail(exchange: &mut Exchange, status: u16, error: &str) -> http::Result {
    answer(exchange, status, &json!({ "error": error }))
}

fn answer(exchange: &mut Exchange, status: u16, body: &(impl Serialize + ?Sized)) -> http::Result {
    Ok(exchange.respond(status, "application/json", serde_json::to_vec(body)?)?)
}

fn users() -> MutexGuard<'static, Vec<User>> {
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

sockeye_guest::http_handler!(router);
