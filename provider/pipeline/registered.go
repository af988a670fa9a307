package pipeline

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// Devices that registered themselves are counted by a refresh. An apply keeps the number that its plan has shown,
// because devices may register at any time and what was planned must come true.

const registeredCount = "registered_devices_count"

func (m *model) setRegistered(n int) error { return m.set(registeredCount, n) }

func (m *model) knowsRegistered() bool {
	n := m.tree[registeredCount]
	return n != nil && !tfvalue.IsUnknown(n)
}

// registered is the recorded number.
func (m *model) registered() int {
	var n int
	if ok, err := m.read(registeredCount, &n); !ok || err != nil {
		return 0
	}
	return n
}

// predictRegistered plans the number as it is, and warns when registration stops for a fleet with registered devices.
func (p *planner) predictRegistered() error {
	if p.prior == nil {
		return p.planned.setRegistered(0)
	}
	n := p.prior.registered()
	if n > 0 && p.prior.spec.Provisioning != nil && p.planned.spec.Provisioning == nil &&
		!p.planned.unknown.Covers("provisioning") {
		p.warnings = append(p.warnings, diag.NewAttributeWarningDiagnostic(path.Root("provisioning"),
			fmt.Sprintf("%d devices have registered themselves and stay", n),
			"Without provisioning, no further device can register. Registered devices keep their certificates and "+
				"continue to work, and count in "+registeredCount+", until you delete them or destroy the "+
				"pipeline with force_destroy."))
	}
	return p.planned.setRegistered(n)
}

// registeredError refuses a delete that would remove devices that Terraform did not create.
type registeredError struct{ n int }

func (e *registeredError) Error() string {
	if e.n == 1 {
		return "1 device has registered itself"
	}
	return fmt.Sprintf("%d devices have registered themselves", e.n)
}

// guardRegistered refuses a delete when devices have registered themselves. It reads the registry only where that is
// possible.
func (s *session) guardRegistered(ctx context.Context, records []assembly.Record) error {
	var group *assembly.Record
	possible := s.model.registered() > 0
	for i, r := range records {
		if r.Key == pipeline.KeyFleet {
			group = &records[i]
		}
		possible = possible || r.Kind == spec.KindTemplate
	}
	if !possible || group == nil {
		return nil
	}
	n, err := s.fleet.CountRegistered(ctx, group.Ref(s.env.Owner))
	if err == nil && n > 0 {
		err = &registeredError{n}
	}
	return err
}
