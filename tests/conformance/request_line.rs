//! RFC 9112 section 3: the request line, the forms of a target, and the Host.

use super::{Answer, Outcome, PLAIN, closed, refused};

const HOST_REFUSES: Outcome = closed(&[Answer::Host(431)]);

rows! {
    "9112 3" "a method in front of two spaces":
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a target in front of two spaces":
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a version in front of a blank":
        "GET / HTTP/1.1□\r\nHost: a\r\n\r\n", each " \t" => refused(400);
    "9112 3" "a method in front of another blank than a space":
        "GET□/ HTTP/1.1\r\nHost: a\r\n\r\n", each "\t\x0b\x0c\u{a0}" => refused(400);
    "9112 3" "a target in front of another blank than a space":
        "GET /□HTTP/1.1\r\nHost: a\r\n\r\n", each "\t\x0b\x0c\u{a0}" => refused(400);
    "9112 3" "a request line of three words and a fourth":
        "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a target that contains a space":
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a target that contains a version":
        "GET /a HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line without a version":
        "GET /\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line without a version behind a space":
        "GET / \r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line without a target":
        "GET HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line with an empty target":
        "GET  HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line without a method":
        "/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request line with an empty method":
        " / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a request of HTTP/0.9":
        "GET /\r\n\r\n" => refused(400);
    "9112 3" "a method and nothing else":
        "GET\r\n\r\n" => refused(400);
    "9112 3" "a request line of a method":
        "GET\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3" "a target of 8000 bytes":
        "GET /⟨7999×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /⟨7999×a⟩ host=a version=1.1 keep=true body=");
    "9112 3" "a target of 8001 bytes":
        "GET /⟨8000×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(414);
    "9112 3" "a target of 8001 bytes in absolute form":
        "GET http://a/⟨7992×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(414);
    "9112 3" "a query that makes a target of 8001 bytes":
        "GET /?⟨7999×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(414);
    "9112 3" "a target of 16000 bytes":
        "GET /⟨15999×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(414);
    "9112 3" "a target that leaves a head no room, which the host answers":
        "GET /⟨20000×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => HOST_REFUSES;
    "9112 3.1" "a method of every character that a token may have":
        "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("!#$%&'*+-.^_`|~09azAZ / host=a version=1.1 keep=true body=");
    "9112 3.1" "a method of one character of a token":
        "□ / HTTP/1.1\r\nHost: a\r\n\r\n", each "!#$%&'*+-.^_`|~09azAZ" =>
        sees!("□ / host=a version=1.1 keep=true body=");
    "9112 3.1" "a method in small letters is another method":
        "get / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("get / host=a version=1.1 keep=true body=");
    "9112 3.1" "a method of 1000 letters":
        "⟨1000×M⟩ / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("⟨1000×M⟩ / host=a version=1.1 keep=true body=");
    "9112 3.1" "a delimiter within a method":
        "G□T / HTTP/1.1\r\nHost: a\r\n\r\n", each "\"(),/:;<=>?@[\\]{}" => refused(400);
    "9112 3.1" "a control within a method":
        "G□T / HTTP/1.1\r\nHost: a\r\n\r\n", each "\0\x01\t\x0b\x0c\x1b\x1f\x7f" => refused(400);
    "9112 3.1" "a byte above ASCII within a method":
        "G□T / HTTP/1.1\r\nHost: a\r\n\r\n", each "\u{80}\u{c4}\u{ff}" => refused(400);
    "9112 3.2" "a target of every character that a path may have":
        "GET /-._~!$&'()*+,;=:@%20/az/AZ/09 HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /-._~!$&'()*+,;=:@%20/az/AZ/09 host=a version=1.1 keep=true body=");
    "9112 3.2" "a target of every character that a query may have":
        "GET /?-._~!$&'()*+,;=:@%20/?az HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /?-._~!$&'()*+,;=:@%20/?az host=a version=1.1 keep=true body=");
    "9112 3.2" "a target is handed on as it is, whatever its dots, slashes and escapes say":
        "GET //a/../b/./%2e%2E/%00//?%zz HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET //a/../b/./%2e%2E/%00//?%zz host=a version=1.1 keep=true body=");
    "9112 3.2" "a fragment in a target":
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "an empty fragment in a target":
        "GET /# HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "a fragment in a target in absolute form":
        "GET http://a/#b HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "a control within a target":
        "GET /□a HTTP/1.1\r\nHost: a\r\n\r\n",
        each "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\
            \x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f" => refused(400);
    "9112 3.2" "a byte that is no UTF-8 within a target":
        "GET /□ HTTP/1.1\r\nHost: a\r\n\r\n", each "\u{80}\u{c0}\u{e9}\u{ff}" => refused(400);
    "9112 3.2" "a relative target":
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "a target of dots":
        "GET ../a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "a target that is only a query":
        "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.1" "the origin form with a query":
        "GET /a/b?c=d HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /a/b?c=d host=a version=1.1 keep=true body=");
    "9112 3.2.2" "the authority of the absolute form wins over the Host":
        "GET http://b:81/c HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET http://b:81/c host=b:81 version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form with a Host that agrees":
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET http://a/ host=a version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form with an empty Host":
        "GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n" =>
        sees!("GET http://b/ host=b version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form without a path":
        "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET http://b host=b version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form with a query and no path":
        "GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET http://b?c host=b version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form with a scheme in capitals":
        "GET HTTP://b/ HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET HTTP://b/ host=b version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form of https":
        "GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET https://b/ host=b version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form with an address":
        "GET http://[::1]:8080/ HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET http://[::1]:8080/ host=[::1]:8080 version=1.1 keep=true body=");
    "9112 3.2.2" "the absolute form in HTTP/1.0":
        "GET http://b/ HTTP/1.0\r\n\r\n" =>
        sees_last!("GET http://b/ host=b version=1.0 keep=false body=");
    "9112 3.2.2" "the absolute form does not replace the Host line":
        "GET http://b/ HTTP/1.1\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with a bad Host":
        "GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form without a host":
        "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with a path and no host":
        "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with a port and no host":
        "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with user information":
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with a port that is no number":
        "GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form of another scheme":
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.2" "the absolute form with one slash":
        "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.3" "the authority form is for CONNECT":
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.3" "a tunnel is not implemented":
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" => refused(501);
    "9112 3.2.3" "a tunnel to an address is not implemented":
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n" => refused(501);
    "9112 3.2.3" "a tunnel in HTTP/1.0 is not implemented":
        "CONNECT a:443 HTTP/1.0\r\n\r\n" => refused(501);
    "9112 3.2.3" "a tunnel without a port":
        "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.3" "a tunnel with an empty port":
        "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.3" "a tunnel to a path":
        "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.3" "a tunnel to a URL":
        "CONNECT http://a:80 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.4" "OPTIONS of the server as a whole":
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("OPTIONS * host=a version=1.1 keep=true body=");
    "9112 3.2.4" "the asterisk is for OPTIONS":
        "□ * HTTP/1.1\r\nHost: a\r\n\r\n", each "GHPD" => refused(400);
    "9112 3.2.4" "the asterisk for GET":
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2.4" "two asterisks":
        "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 3.2" "no Host":
        "GET / HTTP/1.1\r\n\r\n" => refused(400);
    "9112 3.2" "no Host but other lines":
        "GET / HTTP/1.1\r\nX: y\r\nX-Host: a\r\n\r\n" => refused(400);
    "9112 3.2" "two Hosts":
        get!("Host: b") => refused(400);
    "9112 3.2" "two Hosts that agree":
        get!("Host: a") => refused(400);
    "9112 3.2" "two Hosts in letters of different case":
        get!("hOST: a") => refused(400);
    "9112 3.2" "two Hosts of which one is empty":
        get!("Host:") => refused(400);
    "9112 3.2" "two Hosts in HTTP/1.0":
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n" => refused(400);
    "9112 3.2" "two Hosts in one line":
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" => refused(400);
    "9112 3.2" "no Host in HTTP/1.0":
        "GET / HTTP/1.0\r\n\r\n" => sees_last!("GET / host= version=1.0 keep=false body=");
    "9112 3.2" "an empty Host":
        "GET / HTTP/1.1\r\nHost:\r\n\r\n" => sees!("GET / host= version=1.1 keep=true body=");
    "9112 3.2" "a Host with a port":
        "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n" =>
        sees!("GET / host=a:8080 version=1.1 keep=true body=");
    "9112 3.2" "a Host with an empty port":
        "GET / HTTP/1.1\r\nHost: a:\r\n\r\n" =>
        sees!("GET / host=a: version=1.1 keep=true body=");
    "9112 3.2" "a Host that is an address of version 4":
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n" =>
        sees!("GET / host=127.0.0.1:80 version=1.1 keep=true body=");
    "9112 3.2" "a Host that is an address of version 6":
        "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n" =>
        sees!("GET / host=[2001:db8::1]:80 version=1.1 keep=true body=");
    "9112 3.2" "a Host with every other character of a registered name":
        "GET / HTTP/1.1\r\nHost: -._~!$&'()*+;=%41\r\n\r\n" =>
        sees!("GET / host=-._~!$&'()*+;=%41 version=1.1 keep=true body=");
    "9112 3.2" "a Host with what no host contains":
        "GET / HTTP/1.1\r\nHost: a□b\r\n\r\n",
        each " \t\"#,/<>?@[\\]^`{|}\u{80}\u{e9}\u{ff}" => refused(400);
    "9112 3.2" "a Host with a control":
        "GET / HTTP/1.1\r\nHost: a□b\r\n\r\n", each "\0\x01\x08\x0b\x0c\x1f\x7f" => refused(400);
    "9112 3.2" "a Host with a scheme":
        "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with a path":
        "GET / HTTP/1.1\r\nHost: a/\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with user information":
        "GET / HTTP/1.1\r\nHost: u:p@a\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with a port that is no number":
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with two ports":
        "GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with a port below zero":
        "GET / HTTP/1.1\r\nHost: a:-80\r\n\r\n" => refused(400);
    "9112 3.2" "a Host that opens a bracket":
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with something behind the bracket":
        "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n" => refused(400);
    "9112 3.2" "a Host with something else than an address in brackets":
        "GET / HTTP/1.1\r\nHost: [□]\r\n\r\n", each "a1:v." => refused(400);
    "9112 3.2" "a Host that is an address of version 6 with a group too many":
        "GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n" => refused(400);
    "9112 3.2" "a Host that is an address of a version to come":
        "GET / HTTP/1.1\r\nHost: [v1.a:b]\r\n\r\n" =>
        sees!("GET / host=[v1.a:b] version=1.1 keep=true body=");
    "9112 3.2" "a Host with a percent sign and no digits":
        "GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n" => refused(400);
    "9112 3.2" "a Host behind other lines":
        "GET / HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 3.2" "a Host in small letters and with blanks around it":
        "GET / HTTP/1.1\r\nhost: \t a \t\r\n\r\n" => PLAIN;
    "9112 2.3" "version 1.0":
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 2.3" "a major version that is not spoken":
        "GET / HTTP/□.0\r\nHost: a\r\n\r\n", each "023456789" => refused(505);
    // A deliberate deviation: section 2.5 of RFC 9110 would have it processed as 1.1. No such
    // version exists, so whoever sends one is no client but a probe for readers that differ.
    "9110 2.5" "a minor version that is not spoken, which the RFC would have taken for 1.1":
        "GET / HTTP/1.□\r\nHost: a\r\n\r\n", each "23456789" => refused(505);
    "9112 2.3" "version 2.0 with a body":
        "POST / HTTP/2.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" => refused(505);
    "9112 2.3" "a version in small letters":
        "GET / http/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version in mixed letters":
        "GET / Http/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version without a minor number":
        "GET / HTTP/1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a dot and no minor number":
        "GET / HTTP/1.\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version without a major number":
        "GET / HTTP/.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version without a dot":
        "GET / HTTP/11\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a comma":
        "GET / HTTP/1,1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with two digits behind the dot":
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a leading zero":
        "GET / HTTP/01.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a letter":
        "GET / HTTP/1.x\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a sign":
        "GET / HTTP/+1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a blank behind the slash":
        "GET / HTTP/ 1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version without a slash":
        "GET / HTTP1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version with a back slash":
        "GET / HTTP\\1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version of another protocol":
        "GET / HTTPS/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version of a protocol of files":
        "GET / FTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.3" "a version of a protocol of calls":
        "OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n" => refused(400);
}
