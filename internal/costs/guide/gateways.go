package main

import (
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
)

// gatewayTable shows what gateways change, for 1000 devices that measure 100 bytes every ten seconds.
func gatewayTable() (string, error) {
	t := table{header: []string{"1000 devices, a reading of 100 bytes every 10 s", "messages per month", "AWS IoT",
		"Greengrass", "total"}}
	behind := func(readings float64) func(*costs.Setup) {
		return func(s *costs.Setup) {
			s.Edge = &costs.Edge{Gateways: 20, StatusSeconds: 300}
			s.ReadingsPerMessage = readings
			s.MessageBytes, s.IntervalSeconds = readings*s.MessageBytes, readings*s.IntervalSeconds
		}
	}
	for _, row := range []setup{
		{"connected to AWS IoT", func(*costs.Setup) {}},
		{"the same with Basic Ingest", basic},
		{"behind 20 gateways, each reading a message", behind(1)},
		{"the same with Greengrass", func(s *costs.Setup) {
			behind(1)(s)
			s.Edge.Greengrass = &costs.Greengrass{}
		}},
		{"with `batch`, 6 readings a message (a minute)", behind(6)},
		{"with `batch`, 50 readings a message (8 minutes)", behind(50)},
		{"with a rule, one result per minute", func(s *costs.Setup) { behind(1)(s); s.IntervalSeconds = 60 }},
	} {
		s := costs.Default()
		s.Devices, s.IntervalSeconds, s.MessageBytes = 1000, 10, 100
		row.change(&s)
		e, err := costs.Of(s)
		if err != nil {
			return "", fmt.Errorf("%s: %w", row.name, err)
		}
		t.add(row.name, fmt.Sprintf("%.2f million", e.Messages/1e6), cents(of(e, "AWS IoT")),
			cents(of(e, "Greengrass")), cents(e.Total()))
	}
	return t.String(), nil
}

// of is what a service costs.
func of(e costs.Estimate, service string) float64 {
	sum := 0.0
	for _, i := range e.Items {
		if strings.HasPrefix(i.Name, service+":") {
			sum += i.Cost
		}
	}
	return sum
}

// commandCost is what a million commands to devices behind gateways cost.
func commandCost() (string, error) {
	s := costs.Default()
	s.Devices, s.Edge = 0, costs.DefaultEdge()
	without, err := costs.Of(s)
	if err != nil {
		return "", err
	}
	const perDay = 1e6 * 24 / 730
	s.Edge.CommandsPerDay = perDay
	with, err := costs.Of(s)
	return cents(with.Total() - without.Total()), err
}
