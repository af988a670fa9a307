package examples_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// Fleets with a queue of their own can be applied, imported and destroyed, and cost next to nothing.
func TestManySmallFleets(t *testing.T) {
	p := newProject(t, mototest.Region, "queue")
	p.Apply()
	p.Unchanged()
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(p.Run("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	queues, ok := outputs["queues"].Value.(map[string]any)
	if !ok || len(queues) != 2 {
		t.Fatalf("queues: %v", outputs["queues"].Value)
	}
	for fleet, url := range queues {
		if text, isText := url.(string); !isText || !strings.HasSuffix(text, "/meters-"+fleet+"-messages") {
			t.Errorf("the queue of %s is %v", fleet, url)
		}
		address := `iot_pipeline.meters["` + fleet + `"]`
		p.Run("state", "rm", address)
		p.Run("import", address, "meters-"+fleet)
	}
	p.Unchanged()
	if idle := outputs["idle"].Value; idle != 0.2628 {
		t.Errorf("an idle fleet costs %v", idle)
	}
	for _, object := range p.aws.Objects(t) {
		if strings.HasPrefix(object, "stream ") {
			t.Errorf("there is a %s", object)
		}
	}
	p.Destroy()
	p.aws.RequireEmpty(t, "after the destroy")
}
