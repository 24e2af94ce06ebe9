//! The fifteen lines.

use crate::figure::Figure;
use crate::lines::{Bar, Check, Line};
use crate::peers::Peer;
use crate::subject::Subject;
use crate::workload::Workload;

use Bar::{AtLeast, AtMost};
use Subject::{SockeyeAlways, SockeyeConnection, SockeyeNever, SockeyeStatic};

const EPOLL: Subject = Subject::Peer(Peer::Epoll);
const NGINX: Subject = Subject::Peer(Peer::Nginx);
const WASMTIME: Subject = Subject::Peer(Peer::WasmtimeServe);
const WASMTIME_REUSE: Subject = Subject::Peer(Peer::WasmtimeServeReuse);

/// A number of `of`.
const fn value(workload: Workload, figure: Figure, of: Subject, bar: Bar) -> Check {
    Check {
        label: "",
        workload,
        figure,
        of,
        over: None,
        bar,
        decides: true,
    }
}

/// A number of `of` divided by that of `over`.
const fn ratio(
    workload: Workload,
    figure: Figure,
    (of, over): (Subject, Subject),
    bar: Bar,
) -> Check {
    let mut check = value(workload, figure, of, bar);
    check.over = Some(over);
    check
}

const fn labelled(label: &'static str, mut check: Check) -> Check {
    check.label = label;
    check
}

const fn aim(mut check: Check) -> Check {
    check.decides = false;
    check
}

const fn hello_cpu(of: Subject, over: Subject, bar: f64) -> Check {
    ratio(Workload::Hello, Figure::Cpu, (of, over), AtMost(bar))
}

const fn accept_cpu(of: Subject, bar: f64) -> Check {
    ratio(Workload::Accept, Figure::Cpu, (of, NGINX), AtMost(bar))
}

const fn file_rate(workload: Workload, figure: Figure) -> Check {
    ratio(workload, figure, (SockeyeStatic, NGINX), AtLeast(1.0))
}

const fn file_cpu(workload: Workload) -> Check {
    let pair = (SockeyeStatic, NGINX);
    ratio(workload, Figure::CpuPerGigabyte, pair, AtMost(1.0))
}

/// All lines, in their order.
pub const LINES: &[Line] = &[
    Line {
        number: 1,
        name: "hello-connection",
        what: "hello, keep-alive, `--reuse connection`",
        how: "CPU time per request ÷ bare epoll, 64 connections",
        checks: &[
            hello_cpu(SockeyeConnection, EPOLL, 1.35),
            aim(labelled(
                "÷ nginx",
                hello_cpu(SockeyeConnection, NGINX, 1.0),
            )),
        ],
    },
    Line {
        number: 2,
        name: "hello-always",
        what: "hello, keep-alive, `--reuse always --linger 0s`",
        how: "CPU time per request ÷ bare epoll; parked between requests",
        checks: &[
            hello_cpu(SockeyeAlways, EPOLL, 1.40),
            aim(hello_cpu(SockeyeAlways, EPOLL, 1.30)),
        ],
    },
    Line {
        number: 3,
        name: "hello-never",
        what: "hello, keep-alive, `--reuse never`",
        how: "CPU time per request ÷ bare epoll; a fresh instance each time",
        checks: &[
            hello_cpu(SockeyeNever, EPOLL, 2.8),
            aim(hello_cpu(SockeyeNever, EPOLL, 2.4)),
        ],
    },
    Line {
        number: 4,
        name: "wasmtime",
        what: "hello, keep-alive, against `wasmtime serve`",
        how: "requests per second ÷ its own, by default and with reuse",
        checks: &[
            labelled(
                "default",
                ratio(
                    Workload::Hello,
                    Figure::Rate,
                    (SockeyeConnection, WASMTIME),
                    AtLeast(7.0),
                ),
            ),
            labelled(
                "reuse",
                ratio(
                    Workload::Hello,
                    Figure::Rate,
                    (SockeyeConnection, WASMTIME_REUSE),
                    AtLeast(2.0),
                ),
            ),
        ],
    },
    Line {
        number: 5,
        name: "accept",
        what: "a connection per request",
        how: "CPU time per connection ÷ nginx, 64 clients",
        checks: &[
            labelled("always", accept_cpu(SockeyeAlways, 1.3)),
            labelled("connection", accept_cpu(SockeyeConnection, 1.8)),
        ],
    },
    Line {
        number: 6,
        name: "files",
        what: "files by the built-in handler",
        how: "÷ nginx (sendfile, open_file_cache), reno, 64 connections: rate, CPU time per GB",
        checks: &[
            labelled("1 KiB", file_rate(Workload::File1KiB, Figure::Rate)),
            labelled("its CPU", file_cpu(Workload::File1KiB)),
            labelled(
                "100 KiB",
                file_rate(Workload::File100KiB, Figure::Gigabytes),
            ),
            labelled("its CPU", file_cpu(Workload::File100KiB)),
            labelled("10 MiB", file_rate(Workload::File10MiB, Figure::Gigabytes)),
            labelled("its CPU", file_cpu(Workload::File10MiB)),
        ],
    },
    Line {
        number: 7,
        name: "idle",
        what: "memory of an idle connection",
        how: "slope of RSS, bytes, between 1,000 and 15,000 that were answered once (quick: 500 \
            and 2,000); `--linger 0s`, so that they are parked at once",
        checks: &[value(
            Workload::Idle,
            Figure::Resident,
            SockeyeConnection,
            AtMost(200.0),
        )],
    },
    Line {
        number: 8,
        name: "blocked",
        what: "memory of a connection that waits in `recv`",
        how: "slope of RSS and page tables, bytes, between 200 and 1,000 connections (quick: 100 \
            and 300): `echo` has answered one request and waits for the body of the next",
        checks: &[
            value(
                Workload::Blocked,
                Figure::Memory,
                SockeyeConnection,
                AtMost(48.0 * 1024.0),
            ),
            aim(value(
                Workload::Blocked,
                Figure::Memory,
                SockeyeConnection,
                AtMost(32.0 * 1024.0),
            )),
        ],
    },
    Line {
        number: 9,
        name: "live",
        what: "live instances, when asked for",
        how: "`--max-instances 15000`, or what the server says that fits; all wait in `recv`",
        checks: &[value(
            Workload::Live,
            Figure::Live,
            SockeyeConnection,
            AtLeast(15_000.0),
        )],
    },
    Line {
        number: 10,
        name: "single",
        what: "hello, 1 connection",
        how: "p50 ÷ bare epoll",
        checks: &[ratio(
            Workload::HelloOne,
            Figure::P50,
            (SockeyeConnection, EPOLL),
            AtMost(1.10),
        )],
    },
    Line {
        number: 11,
        name: "many",
        what: "hello, 512 connections",
        how: "p99 ÷ nginx",
        checks: &[ratio(
            Workload::HelloMany,
            Figure::P99,
            (SockeyeConnection, NGINX),
            AtMost(1.2),
        )],
    },
    Line {
        number: 12,
        name: "fair",
        what: "hello beside somebody greedy on the same worker",
        how: "p99 in µs, 64 connections, while guests loop for ever, and while one sends 1 GiB",
        checks: &[
            labelled(
                "one loops",
                value(
                    Workload::SpinOne,
                    Figure::P99,
                    SockeyeConnection,
                    AtMost(12_000.0),
                ),
            ),
            labelled(
                "ten loop",
                value(
                    Workload::SpinTen,
                    Figure::P99,
                    SockeyeConnection,
                    AtMost(12_000.0),
                ),
            ),
            labelled(
                "1 GiB",
                value(
                    Workload::Gigabyte,
                    Figure::P99,
                    SockeyeConnection,
                    AtMost(10_000.0),
                ),
            ),
        ],
    },
    Line {
        number: 13,
        name: "start",
        what: "start to first answer at default limits",
        how: "ms from before the process is there to the first byte; compiled before",
        checks: &[
            labelled(
                "built-in",
                value(Workload::Start, Figure::Start, SockeyeStatic, AtMost(40.0)),
            ),
            labelled(
                "Python",
                value(
                    Workload::StartPython,
                    Figure::Start,
                    SockeyeStatic,
                    AtMost(150.0),
                ),
            ),
        ],
    },
    Line {
        number: 14,
        name: "growth",
        what: "growth with parked connections",
        how: "CPU time per request of 64 busy connections among 15,000 (quick: 2,000) ÷ that of 64 \
            alone, same process",
        checks: &[value(
            Workload::Growth,
            Figure::Growth,
            SockeyeConnection,
            AtMost(1.10),
        )],
    },
    Line {
        number: 15,
        name: "spread",
        what: "two workers share 1,000 connections",
        how: "connections of the fullest worker ÷ those of the emptiest; that no lock or line is \
            shared per request is shown by reading",
        checks: &[value(
            Workload::Spread,
            Figure::Balance,
            SockeyeConnection,
            AtMost(1.5),
        )],
    },
];
