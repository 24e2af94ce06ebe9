package httphandler

import (
	"iter"
	"math/bits"
	"net/netip"
	"strings"
)

// Sets of characters, looked up rather than compared: every request has many of them.
var (
	tokens = alphanumericOr("!#$%&'*+-.^_`|~") // RFC 9110 section 5.6.2
	// The characters of a registered name that mean themselves. RFC 3986 allows a comma, too, which
	// is what joins two Host lines.
	unescaped = alphanumericOr("-._~!$&'()*+;=")
)

func alphanumericOr(others string) (set [256]bool) {
	for c := range set {
		set[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	for _, c := range []byte(others) {
		set[c] = true
	}
	return set
}

// consistsOf says whether all of a text is in a set.
func consistsOf(text string, set *[256]bool) bool {
	for i := range len(text) {
		if !set[text[i]] {
			return false
		}
	}
	return true
}

func isToken(text string) bool { return text != "" && consistsOf(text, &tokens) }

func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isText says whether a byte can stand in a field value: no control but the tab (RFC 9110 section
// 5.5).
func isText(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

func isValue(text string) bool {
	for i := range len(text) {
		if !isText(text[i]) {
			return false
		}
	}
	return true
}

// elements returns those of a list with commas, also empty ones.
func elements(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range strings.SplitSeq(value, ",") {
			if !yield(strings.Trim(element, " \t")) {
				return
			}
		}
	}
}

// decimal parses digits and nothing else: no sign, no list, no blank.
func decimal(text string) (number uint64, ok bool) {
	for i := range len(text) {
		digit := text[i] - '0'
		high, low := bits.Mul64(number, 10)
		sum, carry := bits.Add64(low, uint64(digit), 0)
		if digit > 9 || high != 0 || carry != 0 {
			return 0, false
		}
		number = sum
	}
	return number, text != ""
}

// isTarget checks the form of a request target (RFC 9112 section 3.2) and which methods it fits.
func isTarget(method, target string) bool {
	switch {
	case strings.Contains(target, "#"):
		return false
	case method == "CONNECT":
		_, port := splitHost(target)
		return isNamedHost(target) && len(port) > 1
	case target[0] == '/':
		return true
	case method == "OPTIONS" && target == "*":
		return true
	}
	scheme, rest, found := strings.Cut(target, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return false
	}
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	return isNamedHost(rest)
}

// isNamedHost checks what isHost does, and that it names somebody (RFC 9110 section 4.2.1).
func isNamedHost(value string) bool {
	name, _ := splitHost(value)
	return name != "" && isHost(value)
}

// isHost checks `uri-host [ ":" port ]`, which may be empty.
func isHost(value string) bool {
	name, port := splitHost(value)
	if port != "" && (port[0] != ':' || !isDigits(port[1:])) {
		return false
	}
	if address, found := strings.CutPrefix(name, "["); found {
		return isAddress(strings.TrimSuffix(address, "]"))
	}
	for first, part := true, ""; name != ""; first = false {
		part, name, _ = strings.Cut(name, "%")
		if !consistsOf(part, &unescaped) ||
			!first && (len(part) < 2 || !isHex(part[0]) || !isHex(part[1])) {
			return false
		}
	}
	return !strings.HasSuffix(value[:len(value)-len(port)], "%")
}

// splitHost splits at what follows the name, or the address in brackets.
func splitHost(value string) (name, port string) {
	end := strings.IndexByte(value, ':')
	if strings.HasPrefix(value, "[") {
		end = strings.IndexByte(value, ']') + 1
		if end == 0 {
			return "[", "?"
		}
	}
	if end < 0 {
		end = len(value)
	}
	return value[:end], value[end:]
}

// isAddress checks what is in brackets: an address of version 6, or one of a version to come (RFC
// 3986 section 3.2.2).
func isAddress(text string) bool {
	if text != "" && text[0]|0x20 == 'v' {
		version, address, _ := strings.Cut(text[1:], ".")
		for i := range len(version) {
			if !isHex(version[i]) {
				return false
			}
		}
		return version != "" && address != "" &&
			consistsOf(strings.ReplaceAll(address, ":", ""), &unescaped)
	}
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is6() && address.Zone() == ""
}
