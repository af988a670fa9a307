package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

// foreignThings returns an *assembly.ForeignError if things with desired names are not ours. owners are those that
// others own, or nobody, by name; registered are devices that registered themselves with this pipeline.
func foreignThings(owners map[string]string, registered []string) error {
	var texts []string
	foreign := &assembly.ForeignError{}
	if len(owners) > 0 {
		texts = append(texts, describeOthers(owners))
		foreign.Owner = owners[slices.Min(slices.Collect(maps.Keys(owners)))]
	}
	if n := len(registered); n > 0 {
		names := strings.Join(registered[:min(n, bulk.MaxNamed)], ", ") + bulk.More(n)
		texts = append(texts, fmt.Sprintf("%d devices of the configuration have the names of devices that registered "+
			"themselves: %s; remove them from the configuration, or delete their things first", n, names))
	}
	if len(texts) == 0 {
		return nil
	}
	foreign.Detail = strings.Join(texts, "; ")
	return foreign
}

func describeOthers(owners map[string]string) string {
	names := slices.Sorted(maps.Keys(owners))
	shown := make([]string, 0, bulk.MaxNamed)
	for _, name := range names[:min(len(names), bulk.MaxNamed)] {
		owner := "owned by no pipeline"
		if token := owners[name]; token != "" {
			owner = fmt.Sprintf("owned by the pipeline with id %q", token)
		}
		shown = append(shown, fmt.Sprintf("%q (%s)", name, owner))
	}
	return fmt.Sprintf("things that do not belong to this pipeline have the names of %d of its devices: %s; "+
		"nothing is adopted by name alone", len(names), strings.Join(shown, ", ")+bulk.More(len(names)))
}

// InUseError means that a certificate was left alone because other things use it too.
type InUseError struct {
	CertificateID string
	Things        []string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("its certificate %s is attached to other things too (%s) and was left unchanged; "+
		"detach it from them and apply again", e.CertificateID, strings.Join(e.Things, ", "))
}

var (
	errThingDeleted = errors.New("somebody has deleted its thing; apply the pipeline again")
	errKeptChanging = errors.New("others kept changing its thing; look who else rotates certificates, then do it again")
)

// changedError means that somebody has given a thing another mark since it was read.
type changedError struct{ now *thing }

func (e *changedError) Error() string {
	return "a rotation has changed the thing meanwhile; apply again"
}
