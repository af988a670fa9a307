package resilience

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/provider/account"
)

// recorded reads the pipeline's id and parts out of the state.
func (d *desk) recorded() (owner string, parts map[string]assembly.Record) {
	d.t.Helper()
	r := d.terraform("show", "-json")
	d.must("show", r)
	var state struct {
		Values struct {
			RootModule struct {
				Resources []struct {
					Values struct {
						ID    string                     `json:"id"`
						Parts map[string]assembly.Record `json:"parts"`
					} `json:"values"`
				} `json:"resources"`
			} `json:"root_module"`
		} `json:"values"`
	}
	if err := json.Unmarshal([]byte(r.output), &state); err != nil || len(state.Values.RootModule.Resources) != 1 {
		d.t.Fatalf("reading the state: %v\n%s", err, r.output)
	}
	pipeline := state.Values.RootModule.Resources[0].Values
	for key, part := range pipeline.Parts {
		part.Key = key
		pipeline.Parts[key] = part
	}
	return pipeline.ID, pipeline.Parts
}

// replace deletes a part by hand and puts somebody else's object in its place. It gives that part, and what AWS says of the object.
func (d *desk) replace(i account.Impostor) (part assembly.Record, described string) {
	d.t.Helper()
	owner, parts := d.recorded()
	part, ok := parts[i.Part]
	if !ok {
		d.t.Fatalf("there is no part %q", i.Part)
	}
	d.account.Remove(d.t, owner, part)
	i.Make(d.t, d.account, part)
	return part, i.Described(d.t, d.account, part)
}

// A part is deleted by hand and somebody makes an object of its name that belongs to nobody: plan or apply refuse before the
// first write and say which part, which object and what to do; the object is not touched; without it an apply repairs. A
// destroy leaves the object and removes the rest.
func TestForeignObjectInPlaceOfAPart(t *testing.T) {
	for group := range slices.Chunk(account.Impostors, 4) {
		var names []string
		for _, i := range group {
			names = append(names, i.Part)
		}
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			w := newWorld(t)
			d := w.desk()
			d.describe(small("greenhouse", "soil-1"))
			d.must("create", d.apply())
			for _, i := range group {
				d.refuses(i)
			}
			d.settled("after all repairs")
			d.leaves(group[len(group)-1])
		})
	}
}

func (d *desk) refuses(i account.Impostor) {
	d.t.Helper()
	part, before := d.replace(i)
	d.proxy.Clear()
	r := d.apply()
	if r.code == 0 {
		d.t.Errorf("%s: the apply was not refused", i.Part)
	}
	for _, text := range []string{
		`pipeline "greenhouse": ` + strings.ReplaceAll(part.Kind, "_", " ") + ` "` + part.Name + `" is not its own`,
		"An object of that name exists and does not belong to any pipeline", "Nothing was changed", "Part: " + i.Part,
		"Remove what stands under the name",
	} {
		if !r.says(text) {
			d.t.Errorf("%s: %q is not said:\n%s", i.Part, text, r.output)
		}
	}
	if writes := d.writes(); len(writes) != 0 {
		d.t.Errorf("%s: the refused apply wrote: %v", i.Part, writes)
	}
	if after := i.Described(d.t, d.account, part); after != before {
		d.t.Errorf("%s: the object was\n%s\nand is\n%s", i.Part, before, after)
	}
	i.Remove(d.t, d.account, part)
	d.must(i.Part+": repair", d.apply())
}

func (d *desk) leaves(i account.Impostor) {
	d.t.Helper()
	part, before := d.replace(i)
	d.must(i.Part+": destroy", d.destroy())
	if after := i.Described(d.t, d.account, part); after != before {
		d.t.Errorf("%s: the object was\n%s\nand is, after the destroy,\n%s", i.Part, before, after)
	}
	left := slices.DeleteFunc(d.account.Objects(d.t), func(object string) bool { return slices.Contains(d.before, object) })
	if len(left) != 1 || !strings.HasPrefix(left[0], i.Kind+" ") {
		d.t.Errorf("%s: after the destroy there are %v", i.Part, left)
	}
	i.Remove(d.t, d.account, part)
	d.empty("after the destroy")
}
