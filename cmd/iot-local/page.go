package main

import (
	"context"
	"errors"
	"flag"
	"strconv"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/page"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// defaultPage is where the page is served unless the flag names another address.
const defaultPage = "127.0.0.1:8880"

// pageFlag is --page, or --page=ADDRESS; "" means that no page is served.
type pageFlag string

// String implements flag.Value.
func (p *pageFlag) String() string { return string(*p) }

// IsBoolFlag lets the flag stand without a value.
func (p *pageFlag) IsBoolFlag() bool { return true }

// Set takes an address, or "true" for the default.
func (p *pageFlag) Set(text string) error {
	on, err := strconv.ParseBool(text)
	switch {
	case err != nil:
		*p = pageFlag(text)
	case on:
		*p = defaultPage
	default:
		*p = ""
	}
	return nil
}

func (p *pageFlag) flag(f *flag.FlagSet) {
	f.Var(p, "page", "serve a page that shows the pipeline, on "+defaultPage+" or with --page=ADDRESS elsewhere")
}

// observe makes the runtime tell a feed as well; nil if no page is wanted. The page needs the device management API, so
// it is served on some port if the pipeline has one.
func (p *pageFlag) observe(ctx context.Context, o *local.Options) *page.Feed {
	if *p == "" {
		return nil
	}
	if o.HTTPAddr == "" {
		manifest, err := local.ReadManifest(ctx, awsapi.NewLocal(o.Config), o.Pipeline)
		if err == nil && manifest.HasAPI() { // the runtime's start reports the error
			o.HTTPAddr = "127.0.0.1:0"
		}
	}
	feed := page.NewFeed()
	events := o.Events
	o.Events = func(e runlog.Event) {
		feed.Note(e)
		events.Send(e)
	}
	o.Calls = feed.Call
	return feed
}

// serve shows the runtime. The server is nil if no page is wanted.
func (p *pageFlag) serve(ctx context.Context, o local.Options, r *local.Runtime, f *page.Feed) (*page.Server, error) {
	if f == nil {
		return nil, nil
	}
	s, err := page.Start(ctx, page.Options{Address: string(*p), Hosts: o.Hosts, Runtime: r, Feed: f,
		Pipeline: o.Pipeline})
	if err != nil {
		return nil, errors.Join(err, r.Stop(ctx))
	}
	if !s.Loopback() {
		o.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: "the page is on " + string(*p) +
			": other machines can reach it, and whoever has its address may do everything that it can; " +
			"what they send is not encrypted"})
	}
	o.Events.Send(runlog.Event{Kind: runlog.Ready, Detail: "page on " + s.URL()})
	return s, nil
}
