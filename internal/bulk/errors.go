package bulk

import (
	"fmt"
	"strings"
)

// MaxNamed is how many devices a message names one by one.
const MaxNamed = 10

// More is the end of a message about n devices, of which it has named MaxNamed.
func More(n int) string {
	if n <= MaxNamed {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-MaxNamed)
}

// DeviceError is the error of one device.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("device %q: %v", e.Device, e.Err) }

func (e *DeviceError) Unwrap() error { return e.Err }

// DevicesError collects the errors of one step over many devices.
type DevicesError struct {
	What   string // such as "devices removed"
	Total  int
	Done   int
	Errors []*DeviceError // in order of name
	// Cause is why the step ended before all devices were tried; nil if all were.
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
	for _, err := range e.Errors[:min(len(e.Errors), MaxNamed)] {
		b.WriteString("\n  ")
		b.WriteString(err.Error())
	}
	if rest := More(len(e.Errors)); rest != "" {
		b.WriteString("\n " + rest)
	}
	return b.String()
}

// Unwrap returns the errors of all devices and the cause, for errors.Is and errors.As.
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
