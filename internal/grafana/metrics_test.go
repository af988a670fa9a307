package grafana

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// source is the program text of a function.
func source(t *testing.T, function string) string {
	t.Helper()
	files, err := filepath.Glob("../../lambda/" + function + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	if all.Len() == 0 {
		t.Fatalf("there is no function %s", function)
	}
	return all.String()
}

// Every metric of the functions that a dashboard shows is one that the function counts, with these dimensions.
func TestOwnMetricsExist(t *testing.T) {
	emf, err := os.ReadFile("../../lambda/internal/emf/emf.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(emf), "const Namespace = contract.MetricsNamespace") ||
		!strings.Contains(string(emf), `[]string{"Pipeline", "Function", contract.ReasonDimension}`) {
		t.Error("the functions count in another namespace, or with other dimensions")
	}
	checked := map[string]bool{}
	for _, q := range queries(t, model(t, greenhouse())) {
		if q.Namespace != contract.MetricsNamespace {
			continue
		}
		function := q.Dimensions["Function"]
		checked[function+" "+q.MetricName] = true
		text := source(t, function)
		if !strings.Contains(text, "contract."+q.MetricName+"Metric") && !strings.Contains(text, `"`+q.MetricName+`"`) {
			t.Errorf("%s counts no %s", function, q.MetricName)
		}
		dimensions := slices.Sorted(maps.Keys(q.Dimensions))
		reason, hasReason := q.Dimensions["Reason"]
		switch {
		case q.Dimensions["Pipeline"] != "greenhouse":
			t.Errorf("%s is that of another pipeline", q.MetricName)
		case hasReason && !slices.Contains(pipeline.AlertSeverities.Values, reason):
			t.Errorf("no alert has the severity %s", reason)
		case len(dimensions) != 2 && !hasReason:
			t.Errorf("%s has the dimensions %s", q.MetricName, dimensions)
		}
	}
	if len(checked) < 17 {
		t.Errorf("only %d metrics were checked", len(checked))
	}
}

// The objects that AWS's own metrics are about are those of the pipeline, and each panel of the stream or the queue asks
// about something that there is: with a stream, with a queue, and while one of them drains.
func TestObjectsExist(t *testing.T) {
	for name, stream := range map[string]*pipeline.StreamSpec{
		"everything": nil,
		"queue":      {Mode: new(pipeline.StreamQueue)},
		"drain":      {Mode: new("on_demand"), Drain: new(true)},
	} {
		names := partNames(t, stream)
		checked, about := map[string]bool{}, map[string]bool{}
		for _, q := range queries(t, model(t, setups()[name])) {
			for dimension, value := range q.Dimensions {
				if !strings.HasPrefix(q.Namespace, "AWS/") {
					continue
				}
				checked[dimension], about[value] = true, true
				if !names[value] {
					t.Errorf("%s: %s: no part is called %s", name, dimension, value)
				}
			}
		}
		if len(checked) < 3 {
			t.Errorf("%s: only %v were checked", name, checked)
		}
		// What readers read is on the dashboard.
		for _, source := range []string{"greenhouse-messages", "greenhouse-archive", "greenhouse-archive-direct"} {
			if names[source] != about[source] {
				t.Errorf("%s: there is %s: %v; the dashboard shows it: %v", name, source, names[source], about[source])
			}
		}
	}
}

// partNames are the names of the parts of a pipeline with everything that a dashboard shows.
func partNames(t *testing.T, stream *pipeline.StreamSpec) map[string]bool {
	t.Helper()
	env := pipeline.Env{AccountID: "123456789012", Region: "eu-west-1", Partition: "aws", Tags: map[string]string{},
		Code: func(string) (string, func() ([]byte, error), error) { return "sum", nil, nil }}
	config := pipeline.Defaults(pipeline.Spec{Name: "greenhouse", Stream: stream,
		Monitoring: &pipeline.MonitoringSpec{}, Provisioning: &pipeline.ProvisioningSpec{Claim: &pipeline.ClaimSpec{}}})
	parts, err := pipeline.Build(config, env)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, part := range parts {
		names[part.Name] = true
	}
	return names
}

// The history is made of lines that the functions log.
func TestHistory(t *testing.T) {
	log := source(t, "alerts") + source(t, "watch")
	for _, message := range []string{"alert", "alert resolved", "notice"} {
		if !strings.Contains(announcements, `"`+message+`"`) || !strings.Contains(log, `InfoContext(ctx, "`+message+`"`) {
			t.Errorf("no function logs %q", message)
		}
	}
	for _, field := range []string{"rule", "severity", "state", "thing", "count"} {
		if !strings.Contains(announcements, field) || !strings.Contains(log, `"`+field+`", `) {
			t.Errorf("no line has the field %q", field)
		}
	}
	found := 0
	for _, q := range queries(t, model(t, setups()["metrics"])) {
		if q.QueryMode == "Logs" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d queries read logs", found)
	}
}
