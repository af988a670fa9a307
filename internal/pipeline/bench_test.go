package pipeline

import (
	"fmt"
	"testing"
)

// BenchmarkPlan is what a plan costs before the first request, for as many devices as the map is meant for.
func BenchmarkPlan(b *testing.B) {
	csr := csrPEM()
	for _, n := range []int{1, MaxDevices} {
		config := Spec{
			Name:    "greenhouse",
			Devices: map[string]DeviceSpec{},
			Alerts:  &AlertsSpec{Rules: rulesOf("data.t > 50", "data.h < 35")},
		}
		for i := range n {
			d := DeviceSpec{Attributes: map[string]string{"bay": fmt.Sprint(i)}}
			if i%2 == 0 {
				text := csr // the same for all: it is parsed and its signature checked each time
				d.CSRPEM = &text
			}
			config.Devices[fmt.Sprintf("device-%04d", i)] = d
		}
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			for b.Loop() {
				Validate(config, nil)
				if _, err := Build(config, testEnv()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
