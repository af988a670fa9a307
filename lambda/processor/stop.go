package processor

import (
	"context"
	"time"
)

// stopLimit is what Lambda leaves a function with an internal extension between SIGTERM and SIGKILL [Lambda runtime
// environment lifecycle: 500 ms], less what the signal takes.
const stopLimit = 450 * time.Millisecond

// stop writes what is held of devices before Lambda ends this instance.
func (p *processor) stop() {
	if p.devices == nil {
		return
	}
	list := p.devices.refresh.due(time.Time{})
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	b := newBatch(nil, p.now())
	var w work
	for _, s := range list {
		w = append(w, func() { p.devices.write(ctx, b, s, nil) })
	}
	w.do()
}
