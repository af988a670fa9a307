package api

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// everyOperation is a request for each operation, in an order in which each finds what it asks for.
func everyOperation(command string) []request {
	const device = "/v1/devices/soil-001"
	put := `{"interval":60}`
	return []request{
		{method: "GET", path: "/v1/devices"},
		{method: "GET", path: "/v1/devices?status=online"},
		{method: "GET", path: device},
		{method: "GET", path: device + "/readings"},
		{method: "GET", path: device + "/metrics"},
		{method: "POST", path: device + "/commands", body: "{}"},
		{method: "POST", path: device + "/commands", body: "{}", headers: map[string]string{"Idempotency-Key": "order-8"}},
		{method: "GET", path: device + "/commands"},
		{method: "GET", path: device + "/commands/" + command},
		{method: "GET", path: device + "/config"},
		{method: "PUT", path: device + "/config", body: put},
		{method: "GET", path: device + "/shadow"},
		{method: "PATCH", path: device + "/shadow", body: `{"desired":{"a":1}}`},
		{method: "GET", path: device + "/shadow/display"},
		{method: "PATCH", path: device + "/shadow/display", body: `{"desired":{"a":1}}`},
		{method: "GET", path: device + "/shadows"},
		{method: "GET", path: device + "/thresholds"},
		{method: "PUT", path: device + "/thresholds", body: `{"armed":true}`},
		{method: "DELETE", path: device + "/thresholds"},
		{method: "GET", path: "/v1/thresholds"},
		{method: "PUT", path: "/v1/thresholds", body: `{"armed":true}`},
		{method: "DELETE", path: "/v1/thresholds"},
		{method: "GET", path: "/v1/alerts"},
		{method: "GET", path: "/v1/summary"},
		{method: "GET", path: "/v1/openapi.json"},
	}
}

// inhabit gives the pipeline a device with everything that an operation can ask for, and returns a command's ID.
func (f *fixture) inhabit() string {
	f.t.Helper()
	f.rules()
	f.device("soil-001", contract.StatusOnline)
	f.thing("soil-001", owner)
	f.certificate("soil-001")
	f.reading(f.clock, 1, item{"humidity": number(29)})
	f.window(f.clock, "aaaa", "humidity", 29)
	f.alert("hot", "soil-001", f.clock, true)
	f.reports("", `{"a":0}`)
	f.reports("display", `{"a":0}`)
	f.reports(configShadow, `{"interval":10}`)
	return answered[Command](f.send("", "{}"), http.StatusAccepted).ID
}

var updateRequests = flag.Bool("update-requests", false, "write the table of requests")

const requestsPage = "../../docs/design/device-api.md"

// TestRequestsToAWS compares the requests of each operation with the table of the documentation, and all of them with
// what the function's policy allows.
func TestRequestsToAWS(t *testing.T) {
	f := newFixture(t, nil)
	command := f.inhabit()
	before := len(f.aws.Calls(""))
	rows := []string{"| operation | requests to AWS |", "|---|---|"}
	for _, r := range everyOperation(command) {
		start := len(f.aws.Calls(""))
		if got := f.ask(r); got.status >= 300 {
			t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
		}
		counts := map[string]int{}
		for _, c := range f.aws.Calls("")[start:] {
			counts[c.Action]++
		}
		rows = append(rows, "| "+operationOf(r, command)+" | "+list(counts)+" |")
	}
	page, err := os.ReadFile(requestsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(page), rows[0])
	old, tail, _ := strings.Cut(rows[0]+rest, "\n\n")
	table := strings.Join(rows, "\n")
	if *updateRequests {
		if err := os.WriteFile(requestsPage, []byte(head+table+"\n\n"+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(old, table); diff != "" {
		t.Errorf("the table of %s (- page, + counted; -update-requests writes it):\n%s", requestsPage, diff)
	}

	called := map[string]bool{}
	for _, c := range f.aws.Calls("")[before:] {
		if c.Action == "dynamodb:TransactWriteItems" {
			c.Action = "dynamodb:PutItem" // as which it is authorised
		}
		called[c.Action] = true
	}
	allowed := map[string]bool{}
	for _, need := range needs.API {
		if !need.ByLambda {
			allowed[need.Action] = true
		}
	}
	if diff := cmp.Diff(allowed, called); diff != "" {
		t.Errorf("the policy allows (-), the function calls (+):\n%s", diff)
	}
}

// operationOf names an operation by its path in the document.
func operationOf(r request, command string) string {
	path := strings.NewReplacer("soil-001", "{device}", command, "{command}", "/display", "/{shadow}").Replace(r.path)
	if r.headers["Idempotency-Key"] != "" {
		path += "` with `Idempotency-Key"
	}
	return "`" + r.method + " " + path + "`"
}

func list(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 1 {
			name = fmt.Sprintf("%d × %s", counts[name], name)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
