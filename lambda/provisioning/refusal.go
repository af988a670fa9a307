package provisioning

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"unicode/utf8"
)

// reason is why a request was refused, as in the log and the metrics; the guide on functions lists the reasons.
type reason string

const (
	malformedEvent   reason = "malformed_event"
	otherTemplate    reason = "other_template"
	otherCertificate reason = "other_certificate"
	invalidSerial    reason = "invalid_serial"
	invalidThingName reason = "invalid_thing_name"
	notListed        reason = "not_listed"
	invalidItem      reason = "invalid_item"
	serialUsed       reason = "serial_used"
	missingAttribute reason = "missing_attribute"
	invalidAttribute reason = "invalid_attribute"
	thingExists      reason = "thing_exists"
	timedOut         reason = "timeout"
	awsError         reason = "aws_error"
	panicked         reason = "panic"
)

// refusal is the verdict on a request that is not admitted; nil means admitted. It is not an error: the hook has
// answered. The detail is for operators. It may quote what a device sent, through shown, and never holds the
// certificate.
type refusal struct {
	reason reason
	detail string
	stack  string // of a panic
}

// broken reports whether the hook failed, rather than decided against the device.
func (r *refusal) broken() bool {
	return r.reason == timedOut || r.reason == awsError || r.reason == panicked
}

func refuse(why reason, format string, args ...any) *refusal {
	return &refusal{reason: why, detail: fmt.Sprintf(format, args...)}
}

// failed returns the refusal for a failed call to AWS; object says what was done to which object.
func failed(ctx context.Context, err error, object string) *refusal {
	why := awsError
	if ctx.Err() != nil {
		why = timedOut
	}
	return refuse(why, "%s: %s", object, shown(err.Error(), maxDetail))
}

// maxStack limits a panic's stack in a log line, in bytes.
const maxStack = 4096

// recovered returns the refusal for a panic. A stack has addresses and lengths of strings, not their text; the panic's
// value is only logged if it is an error.
func recovered(value any) *refusal {
	r := &refusal{reason: panicked, detail: fmt.Sprintf("a panic with %T", value)}
	if err, ok := value.(error); ok {
		r.detail = shown(err.Error(), maxDetail)
	}
	stack := debug.Stack()
	r.stack = string(stack[:min(len(stack), maxStack)])
	return r
}

const (
	maxDetail = 1024
	// maxShown is how much of a string that a device sent is logged.
	maxShown = 128
)

// shown makes text safe for a log: at most limit bytes of it, and quoted unless all of it is printable ASCII.
func shown(text string, limit int) string {
	plain := len(text) <= limit
	for i := 0; plain && i < len(text); i++ {
		plain = ' ' <= text[i] && text[i] <= '~'
	}
	if plain {
		return text
	}
	if len(text) > limit {
		return strconv.QuoteToASCII(text[:limit]) + "…"
	}
	return strconv.QuoteToASCII(text)
}

// cut shortens text to at most limit bytes, between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
