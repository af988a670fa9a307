package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// follow keeps the runtime at what is deployed.
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
				r.tell("refresh", err)
			}
		}
	}
}

// tell reports a problem of a refresh when it is a new one.
func (r *Runtime) tell(action string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	known := r.told[action] == text
	r.told[action] = text
	r.mu.Unlock()
	if !known && text != "" {
		r.options.Events.Send(event.Event{Kind: event.Failed, Action: action, Error: text})
	}
}

// refresh reads what is deployed and takes it over. Functions and rules that cannot be run are told as events and left
// out; the error is one of reading, or ErrNotDeployed for a pipeline that has been destroyed, of which nothing runs any more.
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
	r.takeFunctions(before, d)
	r.takeMappings(before, d)
	r.takeRules(before, d)
	return err
}

func (r *Runtime) takeFunctions(before, d *deployment) {
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
			r.options.Events.Send(event.Event{Kind: event.Changed, Action: *f.config.FunctionName, Detail: "function removed"})
		}
	}
	r.tell("functions", errors.Join(problems...))
}

func (r *Runtime) takeMappings(before, d *deployment) {
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
		m.Resume = stopped[m.UUID] // changed while running: it goes on where it was
		r.read(m)
	}
}

// read starts a poller for the mapping.
func (r *Runtime) read(m streams.Mapping) {
	p, err := streams.Start(m, streams.Options{Source: streams.Kinesis{Client: r.clients.Kinesis}, Invoke: r.call, Events: r.options.Events, Region: r.options.Config.Region, Send: r.send})
	if err != nil {
		r.options.Events.Send(event.Event{Kind: event.Failed, Action: m.Function, Error: err.Error()})
		return
	}
	r.mu.Lock()
	r.pollers[m.UUID] = p
	r.mu.Unlock()
	r.options.Events.Send(event.Event{Kind: event.Changed, Action: m.Function, Detail: "reads " + m.StreamARN[strings.LastIndexByte(m.StreamARN, '/')+1:]})
}

func (r *Runtime) takeRules(before, d *deployment) {
	if sameJSON(before.rules, d.rules) {
		return
	}
	if err := r.engine.Set(d.rules); err != nil {
		r.options.Events.Send(event.Event{Kind: event.Failed, Action: "rules", Error: err.Error()})
	}
	for _, rule := range d.rules {
		at := slices.IndexFunc(before.rules, func(old rules.Rule) bool { return *old.RuleName == *rule.RuleName })
		if at < 0 || !sameJSON(before.rules[at], rule) {
			r.options.Events.Send(event.Event{Kind: event.Changed, Rule: *rule.RuleName, Detail: describeRule(rule)})
		}
	}
	for _, old := range before.rules {
		if !slices.ContainsFunc(d.rules, func(n rules.Rule) bool { return *n.RuleName == *old.RuleName }) {
			r.options.Events.Send(event.Event{Kind: event.Changed, Rule: *old.RuleName, Detail: "rule removed"})
		}
	}
}

func describeRule(r rules.Rule) string {
	if r.RuleDisabled != nil && *r.RuleDisabled {
		return "rule, disabled"
	}
	return fmt.Sprintf("rule with %d actions: %s", len(r.Actions), *r.Sql)
}
