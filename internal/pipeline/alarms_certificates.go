package pipeline

import (
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// certificateDays is how long before the expiry people are told.
var certificateDays = Limit{Min: 1, Max: 3650, Source: "this provider"}

const (
	secondsPerDay = 86_400
	// certificatePeriodSeconds is how often the alarm looks: certificates do not expire suddenly.
	certificatePeriodSeconds = 3600
)

// lastExpiry is when the certificates expire that AWS makes [AWS IoT: Create client certificates].
var lastExpiry = time.Date(2049, time.December, 31, 23, 59, 59, 0, time.UTC)

// certificateAlarm compares the first expiry with the time of a metric that always has values, since the watch function
// runs every minute. So no function has to know the certificates.
func (b *builder) certificateAlarm(_ string, days int64) spec.MetricAlarm {
	clock := b.functionMetric("watch", "Invocations", "Sum")
	clock.ID, clock.Returned, clock.PeriodSeconds = "clock", false, certificatePeriodSeconds
	return spec.MetricAlarm{
		Metrics: []spec.MetricQuery{clock, {ID: "days", Returned: true, Label: "Days until the first expiry",
			Expression: fmt.Sprintf("(%d - EPOCH(clock)) / %d", b.firstExpiry().Unix(), secondsPerDay)}},
		Comparison: "LessThanOrEqualToThreshold", Threshold: float64(days), EvaluationPeriods: 1, DatapointsToAlarm: 1,
		MissingData: "ignore", // the schedule may stand still
	}
}

// firstExpiry is that of the certificates that the configuration names, of devices that are not disabled.
func (b *builder) firstExpiry() time.Time {
	first := lastExpiry
	for _, d := range b.fleet().Devices {
		if !d.Disabled {
			first = earlier(first, d.CertificatePEM)
		}
	}
	if b.hasJITP() {
		first = earlier(first, b.config.Provisioning.JITP.CACertificatePEM)
	}
	return first
}

// earlier returns the end of a certificate, if it is before t. What is no certificate is an error of the check.
func earlier(t time.Time, text string) time.Time {
	if end, ok := expiryOf(text); ok && end.Before(t) {
		return end
	}
	return t
}
