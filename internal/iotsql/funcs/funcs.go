// Package funcs is the table of the functions of AWS IoT SQL, with name, signature, version, description, examples and
// implementation of each. The evaluator, the documentation and "did you mean" read the same table. A function must not
// know the tree it was called from: it gets values and an Env.
package funcs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

// Func is one function of the table.
type Func struct {
	Name      string // as AWS's documentation writes it; calls ignore case
	Section   string // of the reference
	Signature string
	Doc       string
	V2        bool // needs version 2016-03-23
	Min, Max  int  // number of arguments; Max is Any without limit
	Result    Kinds
	Examples  []Example

	// Call computes the result. It must not keep args. Wrong types give Undefined, not an error. [IoT-SQL 6]
	Call Impl
	// Prepare, if set, specialises the function for its constant arguments (nil for the others), or returns why they
	// cannot work. A nil Impl without an error means Call.
	Prepare func(v value.Version, args []*value.Value) (Impl, error)

	External  bool           // calls a service, and may fail
	Limit     int            // calls allowed per statement, 0 for no limit
	Raw       bool           // a * argument is the raw payload
	Constants map[int]string // arguments that must be constants, by index (-1 is the last), and what they are
}

// Impl is the implementation of a function.
type Impl func(e *Env, args []value.Value) value.Value

// Any is the Max of a function with any number of arguments.
const Any = -1

// Example shows an expression and its value as JSON text, or Undefined. Payload is "{}" when empty.
type Example struct{ SQL, Payload, Want string }

// Kinds is a set of value kinds.
type Kinds uint16

// Of returns the set of these kinds.
func Of(kinds ...value.Kind) Kinds {
	var set Kinds
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

// The sets of kinds that results have, apart from Undefined.
var (
	Boolean  = Of(value.Bool)
	Whole    = Of(value.Int)
	Numeric  = Of(value.Int, value.Decimal)
	Text     = Of(value.String)
	List     = Of(value.Array)
	Document = Of(value.Object)
	Anything = Kinds(1<<16 - 1)
)

// Has reports whether k is in the set.
func (s Kinds) Has(k value.Kind) bool { return s&(1<<k) != 0 }

// Describe names the kinds in the set, for diagnostics.
func (s Kinds) Describe() string {
	if s&Numeric == Numeric {
		if s == Numeric {
			return "a number"
		}
		s &^= Of(value.Decimal)
	}
	var names []string
	for k := value.Undefined; k <= value.Binary; k++ {
		if s.Has(k) {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, " or ")
}

// Arity says in words how many arguments the function takes.
func (f *Func) Arity() string {
	switch {
	case f.Max == Any && f.Min == 0:
		return "any number of arguments"
	case f.Max == Any:
		return fmt.Sprintf("at least %d arguments", f.Min)
	case f.Min == f.Max && f.Min == 0:
		return "no arguments"
	case f.Min == f.Max && f.Min == 1:
		return "1 argument"
	case f.Min == f.Max:
		return fmt.Sprintf("%d arguments", f.Min)
	case f.Max == f.Min+1:
		return fmt.Sprintf("%d or %d arguments", f.Min, f.Max)
	default:
		return fmt.Sprintf("%d to %d arguments", f.Min, f.Max)
	}
}

// Accepts reports whether the function takes n arguments.
func (f *Func) Accepts(n int) bool {
	return n >= f.Min && (f.Max == Any || n <= f.Max)
}

// Env is what a function can see besides its arguments. One Env serves one evaluation.
type Env struct {
	Context context.Context
	Message *message.Message
	Version value.Version
	SQL     string // the version as sql_version() returns it
	Topic   string // without a Basic Ingest prefix

	now         time.Time
	err         error
	work        int
	backtracked time.Duration // spent on backtracking patterns
}

// MaxWork limits the cost of one evaluation, counted in bytes produced and elements visited.
const MaxWork = 16 << 20

// ErrTooMuch ends an evaluation that exceeds MaxWork or the size of a value; get_or_default does not catch it.
var ErrTooMuch = errors.New("the evaluation takes more work or memory than a rule may")

// Now is when the message arrived. For a message without a time, it is the present, read once.
func (e *Env) Now() time.Time {
	if e.now.IsZero() {
		e.now = e.Message.Time
		if e.now.IsZero() {
			e.now = time.Now()
		}
	}
	return e.now
}

// SetNow sets the time of arrival.
func (e *Env) SetNow(now time.Time) { e.now = now }

// Fail makes the evaluation fail; the first failure is kept. It returns Undefined, for the caller to return.
func (e *Env) Fail(err error) value.Value {
	if e.err == nil {
		e.err = err
	}
	return value.Value{}
}

// Err is the failure of the evaluation so far.
func (e *Env) Err() error { return e.err }

// Recover clears a failure and reports whether there was one that can be cleared.
func (e *Env) Recover() bool {
	if e.err == nil || errors.Is(e.err, ErrTooMuch) {
		return false
	}
	e.err = nil
	return true
}

// Spend counts work and reports whether the evaluation can continue.
func (e *Env) Spend(work int) bool {
	e.work += work
	if e.work > MaxWork {
		e.Fail(ErrTooMuch)
		return false
	}
	return e.err == nil
}

// table holds all functions in the order of the reference.
var table = slices.Concat(numericFuncs, doubleFuncs, stringFuncs, regexpFuncs, hashFuncs, collectionFuncs, timeFuncs,
	contextFuncs, externalFuncs)

var byName = func() map[string]*Func {
	m := make(map[string]*Func, len(table))
	for _, f := range table {
		m[strings.ToLower(f.Name)] = f
	}
	return m
}()

// Lookup finds a function, ignoring case; nil when there is none.
func Lookup(name string) *Func { return byName[strings.ToLower(name)] }

// All returns the table in the order of the reference.
func All() []*Func { return table }

// Names returns the names of all functions.
func Names() []string {
	names := make([]string, len(table))
	for i, f := range table {
		names[i] = f.Name
	}
	return names
}

// MaxProtobufDecodes is how many protobuf decodes a statement can contain. [IoT-SQL 13]
const MaxProtobufDecodes = 2

// Caveat is Prepare's error for a constant that AWS may treat differently from this engine. The implementation that
// Prepare returns with it is used.
type Caveat struct {
	Arg    int // index of the argument
	Reason string
}

// Error is the reason.
func (c *Caveat) Error() string { return c.Reason }
