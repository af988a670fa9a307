package terraform

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/edgezip"
)

// recorded reads the pipeline's id and parts out of the state.
func (d *workdir) recorded() (owner string, parts map[string]assembly.Record) {
	d.T.Helper()
	var pipeline struct {
		ID    string                     `json:"id"`
		Parts map[string]assembly.Record `json:"parts"`
	}
	if err := d.Resource(d.T.Context(), &pipeline); err != nil {
		d.T.Fatal(err)
	}
	for key, part := range pipeline.Parts {
		part.Key = key
		pipeline.Parts[key] = part
	}
	return pipeline.ID, pipeline.Parts
}

// replace deletes a part by hand and puts somebody else's object in its place. It gives that part, and what AWS says
// of the object.
func (d *workdir) replace(i awstest.Impostor) (part assembly.Record, described string) {
	d.T.Helper()
	owner, parts := d.recorded()
	part, ok := parts[i.Part]
	if !ok {
		d.T.Fatalf("there is no part %q", i.Part)
	}
	d.aws.Remove(d.T, owner, part)
	i.Make(d.T, d.aws.Account, part)
	return part, i.Described(d.T, d.aws.Account, part)
}

// A part is deleted by hand and somebody makes an object of its name that belongs to nobody: plan or apply refuse
// before the first write and say which part, which object and what to do; the object is not touched; without it an
// apply repairs. A destroy leaves the object and removes the rest.
func TestForeignObjectInPlaceOfAPart(t *testing.T) {
	for group := range slices.Chunk(awstest.Impostors, 4) {
		foreign(t, small("greenhouse", "soil-1"), group)
	}
	foreign(t, small("greenhouse", "soil-1")+"\n monitoring = {}", awstest.MonitoringImpostors)
	program := filepath.Join(t.TempDir(), "iot-edge.zip")
	edgezip.Write(t, program, "arm64", "")
	gateway := strings.Replace(small("greenhouse", "gw-1"), "{}", "{ gateway = {} }", 1)
	foreign(t, gateway+fmt.Sprintf("\n edge = { greengrass = { artifacts = { arm64 = %q } } }", program),
		awstest.GreengrassImpostors)
}

func foreign(t *testing.T, pipeline string, group []awstest.Impostor) {
	t.Helper()
	var names []string
	for _, i := range group {
		names = append(names, i.Part)
	}
	t.Run(strings.Join(names, " "), func(t *testing.T) {
		w := newAWS(t)
		d := newWorkdir(t, w)
		d.describe(pipeline)
		d.must("create", d.apply())
		for _, i := range group {
			d.refuses(i)
		}
		d.unchanged("after all repairs")
		d.leaves(group[len(group)-1])
	})
}

func (d *workdir) refuses(i awstest.Impostor) {
	d.T.Helper()
	part, before := d.replace(i)
	d.proxy.Clear()
	r := d.apply()
	if r.Code == 0 {
		d.T.Errorf("%s: the apply was not refused", i.Part)
	}
	for _, text := range []string{
		`pipeline "greenhouse": ` + strings.ReplaceAll(part.Kind, "_", " ") + ` "` + part.Name +
			`" belongs to someone else`,
		"An object of that name exists and does not belong to any pipeline", "Nothing was changed", "Part: " + i.Part,
		"Remove the object that has the name",
	} {
		if !r.Says(text) {
			d.T.Errorf("%s: %q is not said:\n%s", i.Part, text, r.Output)
		}
	}
	if writes := d.writes(); len(writes) != 0 {
		d.T.Errorf("%s: the refused apply wrote: %v", i.Part, writes)
	}
	if after := i.Described(d.T, d.aws.Account, part); after != before {
		d.T.Errorf("%s: the object was\n%s\nand is\n%s", i.Part, before, after)
	}
	i.Remove(d.T, d.aws.Account, part)
	d.must(i.Part+": repair", d.apply())
}

func (d *workdir) leaves(i awstest.Impostor) {
	d.T.Helper()
	part, before := d.replace(i)
	d.must(i.Part+": destroy", d.destroy())
	if after := i.Described(d.T, d.aws.Account, part); after != before {
		d.T.Errorf("%s: the object was\n%s\nand is, after the destroy,\n%s", i.Part, before, after)
	}
	left := d.aws.Left(d.T)
	if len(left) != 1 || !strings.HasPrefix(left[0], i.Kind+" ") {
		d.T.Errorf("%s: after the destroy there are %v", i.Part, left)
	}
	i.Remove(d.T, d.aws.Account, part)
	d.empty("after the destroy")
}
