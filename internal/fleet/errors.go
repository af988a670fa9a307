package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

// ForeignError says that things under wanted names belong to somebody else, or have registered themselves. errors.As also
// finds an *assembly.ForeignError in it.
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
		texts = append(texts, fmt.Sprintf("%d of the devices described have the names of devices that registered themselves: %s; take them out of the description, "+
			"or delete their things first", n, strings.Join(e.Registered[:min(n, maxNamed)], ", ")+more(n)))
	}
	return strings.Join(texts, "; ")
}

func (e *ForeignError) others() string {
	names := slices.Sorted(maps.Keys(e.Things))
	shown := make([]string, 0, maxNamed)
	for _, name := range names[:min(len(names), maxNamed)] {
		owner := "of no pipeline"
		if token := e.Things[name]; token != "" {
			owner = fmt.Sprintf("of the pipeline with id %q", token)
		}
		shown = append(shown, fmt.Sprintf("%q (%s)", name, owner))
	}
	return fmt.Sprintf("things that are not of this pipeline have the names of %d of its devices: %s; nothing is adopted by name alone",
		len(names), strings.Join(shown, ", ")+more(len(names)))
}

// Unwrap makes the error known as one about foreign objects.
func (e *ForeignError) Unwrap() error {
	names := slices.Sorted(maps.Keys(e.Things))
	if len(names) == 0 {
		return &assembly.ForeignError{}
	}
	return &assembly.ForeignError{Owner: e.Things[names[0]]}
}

// InUseError says that a certificate was left alone because other things use it too.
type InUseError struct {
	CertificateID string
	Things        []string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("its certificate %s is attached to other things too (%s) and was left as it is; detach it from them and apply again",
		e.CertificateID, strings.Join(e.Things, ", "))
}

// DeviceError is what went wrong with one device.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("device %q: %v", e.Device, e.Err) }

func (e *DeviceError) Unwrap() error { return e.Err }

// maxNamed is how many devices a message names one by one.
const maxNamed = 10

func more(n int) string {
	if n <= maxNamed {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-maxNamed)
}

// DevicesError is every error of one step over many devices.
type DevicesError struct {
	What   string // what was being done, such as "devices removed"
	Total  int
	Done   int
	Errors []*DeviceError // in order of name
	// Cause is why the step ended before all devices were tried; nil when all were.
	Cause error
}

func (e *DevicesError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d", e.What, e.Done, e.Total)
	if len(e.Errors) > 0 {
		fmt.Fprintf(&b, ", %d failed", len(e.Errors))
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ", then stopped: %v", e.Cause)
	}
	for _, err := range e.Errors[:min(len(e.Errors), maxNamed)] {
		b.WriteString("\n  ")
		b.WriteString(err.Error())
	}
	if rest := more(len(e.Errors)); rest != "" {
		b.WriteString("\n " + rest)
	}
	return b.String()
}

// Unwrap gives the errors of all devices and the cause, for errors.Is and errors.As.
func (e *DevicesError) Unwrap() []error {
	errs := make([]error, 0, len(e.Errors)+1)
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	for _, err := range e.Errors {
		errs = append(errs, err)
	}
	return errs
}
