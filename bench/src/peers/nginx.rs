//! nginx with one worker.

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::{Absent, CONNECTIONS_MAX, Peer, Wanted, absolute};
use crate::reference::listen;

/// Returns the command that starts it. It has no directive for TCP_CONGESTION, but on SIGUSR2 it
/// hands its listening sockets to its successor by number in the variable `NGINX`; so it is given
/// one that is set up, as its standard input.
pub(super) fn command(wanted: &Wanted<'_>) -> Result<Command, Absent> {
    let peer = Peer::Nginx;
    let failed = |error: io::Error| peer.absent(error.to_string());
    let mut command = Command::new(find()?);
    let files = wanted.files.map(|path| absolute(peer, path)).transpose()?;
    let file = wanted.scratch.join("nginx.conf");
    fs::write(&file, config(wanted.address, files.as_deref())).map_err(failed)?;
    command
        .args(["-e", "stderr", "-p"])
        .arg(absolute(peer, wanted.scratch)?);
    command.arg("-c").arg(absolute(peer, &file)?);
    if let Some(name) = wanted.congestion {
        let listener = listen(wanted.address, Some(name)).map_err(failed)?;
        command.env("NGINX", "0;").stdin(OwnedFd::from(listener));
    } else {
        command.env_remove("NGINX").stdin(Stdio::null());
    }
    Ok(command)
}

/// With a master, although the worker alone would do: 1.22 crashes where that is given a socket.
fn config(address: SocketAddr, files: Option<&Path>) -> String {
    let location = match files {
        None => r#"default_type text/plain; location / { return 200 "Hello, World!"; }"#.into(),
        Some(directory) => format!(
            "default_type application/octet-stream; root \"{}\";
             sendfile on; tcp_nopush on; open_file_cache max=100;",
            directory.display()
        ),
    };
    // Otherwise the worker of a master with all rights gives up those that reading files may take.
    let user = if geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit; {user}
         events {{ worker_connections {CONNECTIONS_MAX}; }}
         http {{
             access_log off;
             keepalive_requests 1000000000; keepalive_timeout 1h;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{ listen {address} backlog=4096; {location} }}
         }}"
    )
}

/// Returns the program.
pub(super) fn find() -> Result<PathBuf, Absent> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian's directory of it is not on the path of everybody.
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("nginx"))
        .find(|file| file.is_file())
        .ok_or_else(|| Peer::Nginx.absent("it is not installed (`bench/install`)"))
}
