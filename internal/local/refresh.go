package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// follow keeps the runtime in step with what is deployed.
func (r *Runtime) follow(ctx context.Context) {
	ticker := time.NewTicker(r.options.Refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			err := r.refresh(ctx)
			if ctx.Err() == nil {
				r.report("refresh", err)
			}
		}
	}
}

// report logs a problem of a refresh, once until it changes.
func (r *Runtime) report(action string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	known := r.reported[action] == text
	r.reported[action] = text
	r.mu.Unlock()
	if !known && text != "" {
		r.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: action, Error: text})
	}
}

// refresh reads what is deployed and applies it. Functions and rules that cannot run are logged and left out. The error
// is one of reading, or ErrNotDeployed for a destroyed pipeline: iot-local stops running it, and picks it up again if
// it is re-created under the same name.
func (r *Runtime) refresh(ctx context.Context) error {
	d, err := r.discover(ctx)
	switch {
	case errors.Is(err, ErrNotDeployed):
		d = &deployment{}
	case err != nil:
		return err
	}
	r.mu.Lock()
	before := r.current
	r.current = d
	r.mu.Unlock()
	r.applyFunctions(before, d)
	r.applyMappings(before, d)
	r.applyQueues(before, d)
	r.applyDeliveries(before, d)
	r.schedules.Set(d.schedules)
	r.alarms.Set(ctx, d.alarms)
	r.applyRules(before, d)
	r.applyAPI(before, d)
	r.shadows.Refresh()
	return err
}

func (r *Runtime) applyFunctions(before, d *deployment) {
	var problems []error
	kept := map[string]bool{}
	for _, f := range d.functions {
		kept[*f.config.FunctionName] = true
		if err := r.host(f); err != nil {
			problems = append(problems, err)
		}
	}
	for _, f := range before.functions {
		if !kept[*f.config.FunctionName] {
			r.hosts.Remove(*f.config.FunctionName)
			r.options.Events.Send(
				runlog.Event{Kind: runlog.Changed, Action: *f.config.FunctionName, Detail: "function removed"},
			)
		}
	}
	r.report("functions", errors.Join(problems...))
}

func (r *Runtime) applyMappings(before, d *deployment) {
	r.switching.Lock()
	defer r.switching.Unlock()
	same := func(m streams.Mapping) bool {
		return slices.ContainsFunc(d.mappings, func(n streams.Mapping) bool { return sameJSON(m, n) })
	}
	stopped := map[string]map[string]streams.Position{}
	for _, m := range before.mappings {
		r.mu.Lock()
		p := r.pollers[m.UUID]
		if p != nil && !same(m) {
			delete(r.pollers, m.UUID)
		}
		r.mu.Unlock()
		if p != nil && !same(m) {
			p.Stop()
			stopped[m.UUID] = p.Positions()
		}
	}
	for _, m := range d.mappings {
		r.mu.Lock()
		running := r.pollers[m.UUID] != nil
		r.mu.Unlock()
		if running {
			continue
		}
		m.Resume = stopped[m.UUID] // the new poller continues where the old one stopped
		r.read(m)
	}
}

// read starts a poller for the mapping.
func (r *Runtime) read(m streams.Mapping) {
	p, err := streams.Start(m, streams.Options{
		Source: streams.Kinesis{Client: r.clients.Kinesis()},
		Invoke: r.call,
		Events: r.options.Events,
		Region: r.options.Config.Region,
		Send:   r.send,
	})
	if err != nil {
		r.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: m.Function, Error: err.Error()})
		return
	}
	r.mu.Lock()
	r.pollers[m.UUID] = p
	r.mu.Unlock()
	detail := "reads " + m.StreamARN[strings.LastIndexByte(m.StreamARN, '/')+1:]
	r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: m.Function, Detail: detail})
}

func (r *Runtime) applyRules(before, d *deployment) {
	if sameJSON(before.rules, d.rules) {
		return
	}
	if err := r.engine.Set(d.rules); err != nil {
		r.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: "rules", Error: err.Error()})
	}
	for _, rule := range d.rules {
		at := slices.IndexFunc(before.rules, func(old rules.Rule) bool { return *old.RuleName == *rule.RuleName })
		if at < 0 || !sameJSON(before.rules[at], rule) {
			r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Rule: *rule.RuleName, Detail: describeRule(rule)})
		}
	}
	for _, old := range before.rules {
		if !slices.ContainsFunc(d.rules, func(n rules.Rule) bool { return *n.RuleName == *old.RuleName }) {
			r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Rule: *old.RuleName, Detail: "rule removed"})
		}
	}
}

func describeRule(r rules.Rule) string {
	if r.RuleDisabled != nil && *r.RuleDisabled {
		return "rule, disabled"
	}
	return fmt.Sprintf("rule with %d actions: %s", len(r.Actions), *r.Sql)
}
