package failures

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// failure is a likely failure.
type failure struct {
	name string // of the golden file
	why  string // it is likely
	text string // arguments of the pipeline; empty: minimal
	// fault is what AWS answers, if it does not fail by itself. Times is "always".
	fault mototest.Fault
	// run makes the failure happen; nil: the pipeline is created.
	run func(a *account, text string) diagnostics
}

// always is more often than any operation tries.
const always = 10_000

// inAccount are the failures of a provider that is connected to an account.
func inAccount() []failure {
	return slices.Concat(permissions(), quotas(), keys(), rates(), names(), plans(), objects(), runs(), networks())
}

// TestFailures compares the whole diagnostic of each failure with its golden file.
func TestFailures(t *testing.T) {
	for _, f := range inAccount() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			f.fault.Times = always
			text := f.text
			if text == "" {
				text = minimal
			}
			if f.fault.Code != "" {
				a.Server.Fail(t, f.fault)
			}
			run := f.run
			if run == nil {
				run = (*account).create
			}
			golden(t, f.name, scrubbed(run(a, text), a.Server.URL))
		})
	}
}

var (
	requestID = regexp.MustCompile(`Request ID: [A-Za-z0-9-]+`)
	token     = regexp.MustCompile(`pipeline with id "[0-9a-f-]+"`)
	directory = regexp.MustCompile(`"/[^"]*/devices\.csv"`)
)

// scrubbed is what Terraform shows, without what differs from run to run.
func scrubbed(found diagnostics, servers ...string) string {
	text := shown(found)
	for _, server := range servers {
		text = strings.ReplaceAll(text, server, "https://aws.example")
	}
	text = requestID.ReplaceAllString(text, "Request ID: 4f0e")
	text = token.ReplaceAllString(text, `pipeline with id "1b2c3d4e"`)
	return directory.ReplaceAllString(text, `"devices.csv"`)
}

// destroyed creates a pipeline, lets AWS fail, and destroys.
func destroyed(fault mototest.Fault) func(*account, string) diagnostics {
	return func(a *account, text string) diagnostics {
		made := a.created(text)
		fault.Times = always
		a.Server.Fail(a.t, fault)
		return a.destroy(made)
	}
}

// changed creates a pipeline, lets AWS fail, and applies more arguments.
func changed(more string, fault mototest.Fault) func(*account, string) diagnostics {
	return func(a *account, text string) diagnostics {
		made := a.created(text)
		fault.Times = always
		a.Server.Fail(a.t, fault)
		_, found := a.apply(a.t.Context(), made, text+more)
		return found
	}
}

// planned validates and plans alone.
func planned(a *account, text string) diagnostics {
	_, found := a.apply(a.t.Context(), state{}, text)
	if len(a.Left(a.t)) > 0 {
		a.t.Error("what should fail in a plan was applied")
	}
	return found
}
