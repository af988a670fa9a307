package simulate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Misfit says what a pipeline with these telemetry settings will do to the messages other than store their measures
// and times; "" means that the settings fit. It decodes a message as the pipeline's functions do. Settings that rename
// or ignore measures fit.
func (e Encoding) Misfit(settings telemetry.Options) string {
	problem := e.misfit(settings)
	if problem == "" {
		return ""
	}
	problem = fmt.Sprintf("the pipeline's telemetry settings do not fit %s: %s", e, problem)
	if other, ok := fitting(settings); ok {
		return fmt.Sprintf("%s; they fit %s", problem, other)
	}
	return problem
}

// Fitting returns an encoding that a pipeline with these telemetry settings reads, and JSON if there is none or the
// settings are not known (nil).
func Fitting(settings *telemetry.Options) Encoding {
	if settings != nil {
		if e, ok := fitting(*settings); ok {
			return e
		}
	}
	return Encoding{Format: formats[0].name}
}

// fitting returns the first encoding that fits the settings.
func fitting(settings telemetry.Options) (e Encoding, ok bool) {
	for _, f := range formats {
		e, err := Encoding{Format: f.name, Compression: settings.Compression}.For(&settings)
		if err == nil && e.misfit(settings) == "" {
			return e, true
		}
	}
	return Encoding{}, false
}

// String returns the flags of the encoding.
func (e Encoding) String() string {
	flags := "--format " + e.format().name
	if e.Compression != "" {
		flags += " --compression " + e.Compression
	}
	return flags
}

func (e Encoding) misfit(settings telemetry.Options) string {
	now := time.Unix(1767225600, 0).UTC()
	payload, err := e.encode("device", newClimate(1, now).samples(now, e.format().samples))
	if err != nil {
		return err.Error()
	}
	meant := e.format().options
	meant.Compression = e.Compression
	meant.Ignore, meant.Rename, meant.ConvertStrings = settings.Ignore, settings.Rename, settings.ConvertStrings
	want, err := decode(meant, payload, now)
	if err != nil {
		return err.Error()
	}
	got, err := decode(settings, payload, now)
	var refused *telemetry.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("each message will be a dead letter (%s)", refused.Reason)
	case err != nil:
		return err.Error()
	case !slices.EqualFunc(got, want, sameReading):
		return "it will store other measures or times than the devices send"
	}
	return ""
}

func decode(o telemetry.Options, payload []byte, arrival time.Time) ([]telemetry.Reading, error) {
	d, err := telemetry.New(o)
	if err != nil {
		return nil, err
	}
	return d.Decode(payload, arrival)
}

// sameReading compares the times and measures of two readings. The order of measures has no meaning.
func sameReading(a, b telemetry.Reading) bool {
	return a.Time.Equal(b.Time) && len(a.Measures) == len(b.Measures) &&
		!slices.ContainsFunc(a.Measures, func(m telemetry.Measure) bool { return !slices.Contains(b.Measures, m) })
}
