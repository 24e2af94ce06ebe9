// Request targets and hosts (RFC 9112 section 3.2).

import {
  BRACKET, BRACKET_END, COLON, DOT, hexDigit, isDigit, isHostByte, PERCENT, QUESTION, SLASH, Span,
} from "./text";

/** Splits a target into its authority, which only a whole URL has, and its path. */
export function splitTarget(target: Span): Span[] {
  const scheme = target.startsWith("http://") ? 7 : target.startsWith("https://") ? 8 : 0;
  let at = scheme;
  while (scheme > 0 && at < target.length && target[at] != SLASH && target[at] != QUESTION) at++;
  const query = target.indexOf(QUESTION, at);
  return [target.part(scheme, at), target.part(at, query)];
}

/** Says whether `value` is what a Host line consists of: perhaps a name or an address, and perhaps
 * a port. */
export function isHost(value: Span): bool {
  if (!port(value).every(isDigit)) return false;
  const name = hostName(value);
  if (name.length > 0 && name[0] == BRACKET) return isAddress(name);
  for (let at = 0; at < name.length; at++) {
    if (name[at] != PERCENT) {
      if (!isHostByte(name[at])) return false;
      continue;
    }
    if (at + 2 >= name.length || hexDigit(name[at + 1]) < 0 || hexDigit(name[at + 2]) < 0) {
      return false;
    }
    at += 2;
  }
  return true;
}

/** Says whether `value` names somebody, too (RFC 9110 section 4.2.1). */
export function isNamedHost(value: Span): bool {
  return hostName(value).length > 0 && isHost(value);
}

export function port(value: Span): Span {
  return value.part(hostName(value).length + 1);
}

/** Returns what is in front of the port; the brackets around an address belong to it. */
function hostName(value: Span): Span {
  const isAddress = value.length > 0 && value[0] == BRACKET;
  const from = isAddress ? max(value.indexOf(BRACKET_END), 0) : 0;
  return value.part(0, value.indexOf(COLON, from));
}

/** Says whether there is an IPv6 address in brackets, or one of a version to come. */
function isAddress(name: Span): bool {
  if (name[name.length - 1] != BRACKET_END) return false;
  const address = name.part(1, name.length - 1);
  if (address.startsWith("v")) {
    const dot = address.indexOf(DOT);
    const rest = address.part(dot + 1);
    return dot > 1 && address.part(1, dot).every(isHexDigit) && rest.length > 0 &&
      rest.every((byte) => byte == COLON || isHostByte(byte));
  }
  return isIpv6(address);
}

/** Says whether `address` is eight groups, of which `::` stands for one or more (RFC 4291). */
function isIpv6(address: Span): bool {
  const groups = address.split(COLON);
  let count = 0;
  let gaps = 0;
  for (let at = 0; at < groups.length; at++) {
    const group = groups[at];
    const isLast = at == groups.length - 1;
    if (group.length == 0) {
      // At either end, `::` leaves two empty groups, and a single colon one.
      if (at == 0 ? isLast || groups[1].length > 0 : isLast && groups[at - 1].length > 0) {
        return false;
      }
      if (at > 0 && !isLast) gaps++;
    } else if (isLast && group.indexOf(DOT) >= 0) {
      if (!isIpv4(group)) return false;
      count += 2;
    } else {
      if (group.length > 4 || !group.every(isHexDigit)) return false;
      count++;
    }
  }
  return gaps == 0 ? count == 8 : gaps == 1 && count < 8;
}

function isIpv4(address: Span): bool {
  const parts = address.split(DOT);
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    if (part.length < 1 || part.length > 3 || !part.every(isDigit)) return false;
    if (I32.parseInt(part.toString()) > 255) return false;
  }
  return parts.length == 4;
}

function isHexDigit(byte: u8): bool {
  return hexDigit(byte) >= 0;
}
