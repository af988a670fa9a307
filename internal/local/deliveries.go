package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// discoverDeliveries reads the pipelines' delivery streams. What cannot be read or played is reported; if it ran
// before, it keeps its configuration.
func (r *Runtime) discoverDeliveries(ctx context.Context, ms []*Manifest) ([]delivery.Config, error) {
	var names []string
	for _, m := range ms {
		own, err := r.deliveryNames(ctx, m)
		if err != nil {
			return nil, err
		}
		names = append(names, own...)
	}
	var all []delivery.Config
	var problems []error
	for _, name := range names {
		config, err := delivery.Describe(ctx, r.clients, name)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, delivery.ErrNotActive), errors.Is(err, delivery.ErrDirectPut):
			continue
		case err != nil:
			problems = append(problems, err)
			r.mu.Lock()
			for _, before := range r.current.deliveries {
				if before.Name == name {
					all = append(all, before)
				}
			}
			r.mu.Unlock()
			continue
		}
		all = append(all, config)
	}
	r.report("delivery streams", errors.Join(problems...))
	return all, nil
}

func (r *Runtime) deliveryNames(ctx context.Context, m *Manifest) ([]string, error) {
	if m.Parts != nil {
		var names []string
		for _, key := range []string{contract.KeyDelivery, contract.KeyDirectDelivery} {
			if name := m.Parts[key]; name != "" {
				names = append(names, name)
			}
		}
		return names, nil
	}
	var names []string
	in := &firehose.ListDeliveryStreamsInput{}
	for {
		page, err := r.clients.Firehose().ListDeliveryStreams(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, name := range page.DeliveryStreamNames {
			if strings.HasPrefix(name, m.Name+"-") {
				names = append(names, name)
			}
		}
		if !aws.ToBool(page.HasMoreDeliveryStreams) || len(page.DeliveryStreamNames) == 0 {
			return names, nil
		}
		in.ExclusiveStartDeliveryStreamName = &page.DeliveryStreamNames[len(page.DeliveryStreamNames)-1]
	}
}

// applyDeliveries starts and stops delivery streams. One whose configuration changed continues where it stopped.
func (r *Runtime) applyDeliveries(before, d *deployment) {
	r.switching.Lock()
	defer r.switching.Unlock()
	wanted := map[string]delivery.Config{}
	for _, c := range d.deliveries {
		wanted[c.Name] = c
	}
	stopped := map[string]map[string]streams.Position{}
	for _, old := range before.deliveries {
		c, stays := wanted[old.Name]
		r.mu.Lock()
		s := r.deliveries[old.Name]
		if s == nil || stays && sameJSON(old, c) {
			r.mu.Unlock()
			continue
		}
		delete(r.deliveries, old.Name)
		r.mu.Unlock()
		s.Stop()
		if stays && old.SourceARN == c.SourceARN {
			stopped[old.Name] = s.Positions()
		}
	}
	for _, c := range d.deliveries {
		r.mu.Lock()
		running := r.deliveries[c.Name] != nil
		r.mu.Unlock()
		if !running {
			r.play(c, stopped[c.Name])
		}
	}
}

// play starts a delivery stream.
func (r *Runtime) play(c delivery.Config, resume map[string]streams.Position) {
	interval := r.options.ArchiveInterval
	if interval == 0 {
		interval = delivery.DefaultInterval
	}
	dir, err := r.stateDir()
	if err != nil {
		r.report("delivery stream "+c.Name, err)
		return
	}
	identity := fmt.Sprint(c.ARN, c.Start.UnixNano(), aws.ToString(r.options.Config.BaseEndpoint))
	checkpoints := filepath.Join(dir, "deliveries", fmt.Sprintf("%x.json", sha256.Sum256([]byte(identity))))
	var source streams.Source = streams.Kinesis{Client: r.clients.Kinesis()}
	if c.SourceARN == "" {
		source, checkpoints = r.directSource(c.Name), "" // what is not delivered ends with the runtime
	}
	s, err := delivery.Start(c, delivery.Options{
		Source: source,
		Invoke: r.call,
		Put: func(ctx context.Context, bucket, key string, body []byte) error {
			_, err := r.clients.S3().PutObject(ctx,
				&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
			return err
		},
		Events: r.options.Events, Region: r.options.Config.Region, Interval: interval,
		Checkpoints: checkpoints,
	}, resume)
	r.report("delivery stream "+c.Name, err)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.deliveries[c.Name] = s
	r.mu.Unlock()
	r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: c.Name, Detail: fmt.Sprintf(
		"delivers to s3://%s/%s every %s (on AWS: every %s or %d MB)", c.Bucket, c.Prefix, interval,
		c.BufferInterval.Round(time.Second), c.BufferBytes>>20)})
}

// playing returns the delivery streams; it waits while a refresh replaces some.
func (r *Runtime) playing() []*delivery.Stream {
	r.switching.Lock()
	defer r.switching.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*delivery.Stream
	for _, s := range r.deliveries {
		all = append(all, s)
	}
	return all
}
