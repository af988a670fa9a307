package telemetry

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFormOfDeepNames: a name that a device writes with thousands of dots becomes no thousands of objects; one that an
// object can have does become one.
func TestFormOfDeepNames(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	deep, usual := strings.Repeat("a.", 50_000)+"b", "c.d.e"
	readings, err := d.Decode(fmt.Appendf(nil, `{"data":{%q:1,%q:2}}`, deep, usual), time.Unix(1_790_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	form, err := readings[0].Form()
	if err != nil {
		t.Fatal(err)
	}
	if most := 5 * len(deep); len(form) > most {
		t.Errorf("the form has %d bytes; want at most %d", len(form), most)
	}
	var document struct {
		Data struct{ C struct{ D struct{ E int } } }
	}
	if err := json.Unmarshal(form, &document); err != nil || document.Data.C.D.E != 2 {
		t.Errorf("%s is %+v, %v", usual, document, err)
	}
	if at := strings.Count(string(form[:min(len(form), 200)]), `{"a":`); at == 0 || at > maxDepth {
		t.Errorf("%d objects are inside each other", at)
	}
}
