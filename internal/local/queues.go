package local

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/queues"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// queueMapping converts Lambda's configuration of a mapping whose source is a queue; the defaults are Lambda's.
func queueMapping(c lambdatypes.EventSourceMappingConfiguration, name string) queues.Mapping {
	m := queues.Mapping{
		UUID: *c.UUID, QueueARN: *c.EventSourceArn, Function: name, BatchSize: 10,
		Window: time.Duration(aws.ToInt32(c.MaximumBatchingWindowInSeconds)) * time.Second,
		ReportFailures: slices.Contains(c.FunctionResponseTypes,
			lambdatypes.FunctionResponseTypeReportBatchItemFailures),
	}
	if c.BatchSize != nil {
		m.BatchSize = int(*c.BatchSize)
	}
	if s := c.ScalingConfig; s != nil {
		m.MaxConcurrency = int(aws.ToInt32(s.MaximumConcurrency))
	}
	return m
}

// applyQueues starts and stops the pollers of queues. What a stopped one had in work is received again.
func (r *Runtime) applyQueues(before, d *deployment) {
	r.switching.Lock()
	defer r.switching.Unlock()
	for _, m := range before.queues {
		r.mu.Lock()
		p := r.queues[m.UUID]
		gone := p != nil && !slices.Contains(d.queues, m)
		if gone {
			delete(r.queues, m.UUID)
		}
		r.mu.Unlock()
		if gone {
			p.Stop()
		}
	}
	for _, m := range d.queues {
		r.mu.Lock()
		running := r.queues[m.UUID] != nil
		if !running {
			r.queues[m.UUID] = queues.Start(m, queues.Options{Client: awsapi.SQSClient(r.clients), Invoke: r.call,
				Events: r.options.Events, Region: r.options.Config.Region, RetryDelay: r.options.RetryDelay})
		}
		r.mu.Unlock()
		if !running {
			r.options.Events.Send(
				runlog.Event{Kind: runlog.Changed, Action: m.Function, Detail: "reads queue " + m.Queue()})
		}
	}
}

// wakeQueue makes the pollers of a queue receive its new messages.
func (r *Runtime) wakeQueue(queue string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.current.queues {
		if p := r.queues[m.UUID]; p != nil && m.Queue() == queue {
			p.Wake()
		}
	}
}

// queueReaders returns the pollers of queues; it waits while a refresh replaces some.
func (r *Runtime) queueReaders() []*queues.Poller {
	r.switching.Lock()
	defer r.switching.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*queues.Poller
	for _, p := range r.queues {
		all = append(all, p)
	}
	return all
}

// stopQueues stops the pollers of queues.
func (r *Runtime) stopQueues() {
	all := r.queueReaders()
	r.mu.Lock()
	clear(r.queues) // before they stop, or a drain would wait for their replacements
	r.mu.Unlock()
	for _, p := range all {
		p.Stop()
	}
}

// putDirect hands a record to a delivery stream that is played here. It returns false for any other: the endpoint has
// it.
func (r *Runtime) putDirect(stream string, data []byte) bool {
	r.mu.Lock()
	s := r.deliveries[stream]
	source := r.direct[stream]
	r.mu.Unlock()
	if s == nil || source == nil {
		return false
	}
	source.Put(data)
	s.Wake()
	return true
}

// directSource returns the records that are put to a delivery stream. They outlive a change of its configuration.
func (r *Runtime) directSource(name string) *delivery.Direct {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.direct[name] == nil {
		r.direct[name] = &delivery.Direct{}
	}
	return r.direct[name]
}
