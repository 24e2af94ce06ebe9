package httphandler

// Limits of a chunked body: the digits of a size, the bytes of all extensions and of all trailer
// lines together. Nothing else bounds how much a client sends for one byte of data (RFC 9112
// section 7.1.1).
const (
	sizeDigitsMax     = 16
	extensionBytesMax = 16 << 10
	trailerBytesMax   = 4096
)

// sizeMax is the largest size of a chunk: no body is as long, and what needed adds to a size must
// not wrap.
const sizeMax = 1<<62 - 1

// lastChunkBytes is the length of `0 CR LF CR LF`, the shortest end of a body.
const lastChunkBytes = 5

// state is what the last byte in front of the data was a part of.
type state uint8

const (
	inSize state = iota
	// The extensions of a chunk: `*( BWS ";" BWS name [ BWS "=" BWS value ] )`, where a value is a
	// token or a quotation. They are dropped, but not whatever they are: a reader that knows
	// quotations goes on behind the end of a line that leaves one open.
	inBlank // in front of a semicolon
	inSemicolon
	inName
	inNameBlank // behind a name: an extension or a value may follow
	inEquals
	inValue
	inQuoted
	inBackslash
	inUnquoted // the end of a quotation
	inSizeLF
	inData
	inDataCR
	inDataLF
	inTrailerStart
	inTrailerName
	inTrailerValue
	inTrailerLF
	inEndLF
	inNothing
)

// decoder decodes one chunked body (RFC 9112 section 7.1), fed in pieces of any size.
//
// The host gives bytes once and takes none back, so a decoder must not be fed with more than the
// body: needed says how many bytes are certain to belong to it. Mostly that is a chunk and nearly
// all of the next one's size line.
type decoder struct {
	state          state
	size           uint64 // what is left of the chunk, or its size as far as it is known
	digits         int
	extensionBytes int
	trailerBytes   int
}

// needed returns how many more bytes the body has at least: zero only when it is done.
func (d *decoder) needed() uint64 {
	behindSize := d.size + 2 + lastChunkBytes
	if d.size == 0 {
		behindSize = 2
	}
	switch d.state {
	case inSize:
		if d.digits == 0 {
			return lastChunkBytes
		}
		return behindSize + 2
	case inName, inValue, inUnquoted:
		return behindSize + 2
	case inSemicolon, inEquals, inQuoted:
		return behindSize + 3
	case inBlank, inNameBlank, inBackslash:
		return behindSize + 4
	case inSizeLF:
		return behindSize + 1
	case inData:
		return behindSize
	case inDataCR:
		return 2 + lastChunkBytes
	case inDataLF:
		return 1 + lastChunkBytes
	case inTrailerStart:
		return 2
	case inTrailerName:
		return 5
	case inTrailerValue:
		return 4
	case inTrailerLF:
		return 3
	case inEndLF:
		return 1
	}
	return 0
}

// step goes on with input up to the end of the first data in it. It returns the data, what is
// behind that, and whether all is in order.
func (d *decoder) step(input []byte) (data, rest []byte, ok bool) {
	for at := 0; at < len(input) && d.state != inNothing; at++ {
		if d.state == inData {
			count := min(uint64(len(input)-at), d.size)
			if d.size -= count; d.size == 0 {
				d.state = inDataCR
			}
			return input[at : at+int(count)], input[at+int(count):], true
		}
		if d.state, ok = d.frame(input[at]); !ok {
			return nil, nil, false
		}
		if d.state == inNothing {
			return nil, input[at+1:], true
		}
	}
	return nil, nil, true
}

// frame takes one byte that is not data.
func (d *decoder) frame(c byte) (state, bool) {
	switch d.state {
	case inSize:
		return d.sizeByte(c)
	case inSizeLF:
		d.digits = 0
		if d.size == 0 {
			return inTrailerStart, c == '\n'
		}
		return inData, c == '\n'
	case inDataCR:
		return inDataLF, c == '\r'
	case inDataLF:
		return inSize, c == '\n'
	case inTrailerStart:
		if c == '\r' {
			return inEndLF, true
		}
		return d.trailer(inTrailerName, tokens[c])
	case inTrailerName:
		if c == ':' {
			return inTrailerValue, true
		}
		return d.trailer(inTrailerName, tokens[c])
	case inTrailerValue:
		if c == '\r' {
			return inTrailerLF, true
		}
		return d.trailer(inTrailerValue, isText(c))
	case inTrailerLF:
		return inTrailerStart, c == '\n'
	case inEndLF:
		return inNothing, c == '\n'
	}
	return d.extensionByte(d.state, c)
}

func (d *decoder) sizeByte(c byte) (state, bool) {
	if !isHex(c) {
		if d.digits == 0 {
			return 0, false
		}
		if c == '\r' {
			return inSizeLF, true
		}
		return d.extensionByte(inBlank, c)
	}
	digit := c - '0'
	if digit > 9 {
		digit = c | 0x20 - 'a' + 10
	}
	// 16 digits fit exactly, so the shift loses nothing.
	d.size = d.size<<4 | uint64(digit)
	d.digits++
	return inSize, d.digits <= sizeDigitsMax && d.size <= sizeMax
}

func (d *decoder) trailer(to state, ok bool) (state, bool) {
	d.trailerBytes++
	return to, ok && d.trailerBytes <= trailerBytesMax
}

func (d *decoder) extensionByte(from state, c byte) (state, bool) {
	if c == '\r' && (from == inName || from == inValue || from == inUnquoted) {
		return inSizeLF, true
	}
	d.extensionBytes++
	to, ok := extension(from, c)
	return to, ok && d.extensionBytes <= extensionBytesMax
}

// extension returns what the next byte of an extension is a part of, where it fits.
func extension(from state, c byte) (state, bool) {
	blank := c == ' ' || c == '\t'
	switch from {
	case inQuoted:
		switch c {
		case '"':
			return inUnquoted, true
		case '\\':
			return inBackslash, true
		}
		return inQuoted, isText(c)
	case inBackslash:
		return inQuoted, isText(c)
	case inSemicolon, inName:
		if tokens[c] {
			return inName, true
		}
	case inEquals, inValue:
		if tokens[c] {
			return inValue, true
		}
		if c == '"' && from == inEquals {
			return inQuoted, true
		}
	}
	switch {
	case from == inSemicolon || from == inEquals:
		return from, blank
	case from == inName || from == inNameBlank:
		if c == '=' {
			return inEquals, true
		}
		if blank {
			return inNameBlank, true
		}
	case blank:
		return inBlank, true
	}
	return inSemicolon, c == ';'
}
