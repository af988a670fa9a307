// Package browser_test looks at the page as a person does: Terraform applies a pipeline to a local AWS, the local runtime
// runs it, devices connect over mutual TLS, and Chromium shows the page.
package browser_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// patience is how long a test waits for one thing on a busy machine.
const patience = time.Minute

func TestMain(m *testing.M) { tftest.Main(m) }

// browser is a tab that shows the page.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string // that the browser reports
}

// open starts Chromium and opens the address.
func open(t *testing.T, url string) *browser {
	t.Helper()
	program := os.Getenv("IOT_CHROMIUM")
	if program == "" {
		t.Fatal("IOT_CHROMIUM is not set: run make chromium, and IOT_CHROMIUM=\"$(sh tools/find-chromium.sh)\" go test …")
	}
	allocated, end := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(program), chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1400, 1000))
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log(err)
		}
		cancel()
	})
	b := &browser{ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context of the first call
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	go b.hear(messages)
	b.do(t, chromedp.Navigate(url))
	return b
}

// hear notes what the browser complains of.
func (b *browser) hear(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return // the browser has gone
		}
		b.mu.Lock()
		b.problems = append(b.problems, fmt.Sprintf("%+v", m))
		b.mu.Unlock()
	}
}

// complaints returns what the browser complained of since the last call, except what the test expects.
func (b *browser) complaints(expected ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
next:
	for _, p := range b.problems {
		for _, e := range expected {
			if strings.Contains(p, e) {
				continue next
			}
		}
		all = append(all, p)
	}
	b.problems = nil
	return all
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%v\n%s", err, b.screen())
	}
}

// screen is the page's text, for messages.
func (b *browser) screen() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	return fmt.Sprintf("The page says (%v):\n%s", err, text)
}

// value evaluates a JavaScript expression.
func value[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v\n%s", expression, err, b.screen())
	}
	return v
}

// await waits until a JavaScript expression is true. It asks from outside: the page's policy allows no evaluation inside.
func (b *browser) await(t *testing.T, condition string) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(patience)
	for !value[bool](t, b, "!!("+condition+")") {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("not so after %v: %s\n%s", patience, condition, b.screen())
		}
	}
}

// says waits until an element's text contains something.
func (b *browser) says(t *testing.T, selector, text string) {
	t.Helper()
	b.await(t, fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, text))
}

// goTo moves to a view.
func (b *browser) goTo(t *testing.T, place string) {
	t.Helper()
	value[any](t, b, fmt.Sprintf(`location.hash = %q; null`, place))
}

// press clicks the first element that has this text.
func (b *browser) press(t *testing.T, selector, text string) {
	t.Helper()
	b.says(t, selector, text)
	value[any](t, b, fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.textContent.includes(%q))`+
		`.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})); null`, selector, text))
}

// picture writes what the tab shows as a PNG into IOT_PICTURES, if that is set: make screenshots.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("IOT_PICTURES")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
