// Package retries sets the pace at which the local runtime repeats what failed.
package retries

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Doubling returns delays that double from first to longest, without randomness: a person at a terminal can predict
// them, and one runtime causes no thundering herd.
func Doubling(first, longest time.Duration) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: first, Multiplier: 2, MaxInterval: longest}
}

// Sleep returns after d, or earlier when the context ends.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
