package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

// ForeignError means that things with desired names belong to somebody else, or have registered themselves. errors.As
// also finds an *assembly.ForeignError in it.
type ForeignError struct {
	Things     map[string]string // name → the owner token it carries, empty for none
	Registered []string          // names of devices that registered themselves with this pipeline
}

func (e *ForeignError) orNil() error {
	if len(e.Things)+len(e.Registered) == 0 {
		return nil
	}
	return e
}

func (e *ForeignError) Error() string {
	var texts []string
	if len(e.Things) > 0 {
		texts = append(texts, e.others())
	}
	if n := len(e.Registered); n > 0 {
		names := strings.Join(e.Registered[:min(n, bulk.MaxNamed)], ", ") + bulk.More(n)
		texts = append(texts, fmt.Sprintf("%d devices of the configuration have the names of devices that registered "+
			"themselves: %s; remove them from the configuration, or delete their things first", n, names))
	}
	return strings.Join(texts, "; ")
}

func (e *ForeignError) others() string {
	names := slices.Sorted(maps.Keys(e.Things))
	shown := make([]string, 0, bulk.MaxNamed)
	for _, name := range names[:min(len(names), bulk.MaxNamed)] {
		owner := "owned by no pipeline"
		if token := e.Things[name]; token != "" {
			owner = fmt.Sprintf("owned by the pipeline with id %q", token)
		}
		shown = append(shown, fmt.Sprintf("%q (%s)", name, owner))
	}
	return fmt.Sprintf("things that do not belong to this pipeline have the names of %d of its devices: %s; "+
		"nothing is adopted by name alone", len(names), strings.Join(shown, ", ")+bulk.More(len(names)))
}

// Unwrap lets errors.As find an *assembly.ForeignError.
func (e *ForeignError) Unwrap() error {
	names := slices.Sorted(maps.Keys(e.Things))
	if len(names) == 0 {
		return &assembly.ForeignError{}
	}
	return &assembly.ForeignError{Owner: e.Things[names[0]]}
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
