package provisioning

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// meeting is a table whose writes wait for each other, so that every request has read the list before the first one
// writes.
type meeting struct {
	tableAPI
	everyone *sync.WaitGroup
}

func (m meeting) UpdateItem(
	ctx context.Context,
	in *dynamodb.UpdateItemInput,
	options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	m.everyone.Done()
	m.everyone.Wait()
	return m.tableAPI.UpdateItem(ctx, in, options...)
}

func TestDevicesRaceForOneSerial(t *testing.T) {
	f := newFixture(t, nil)
	for _, n := range []int{2, 8} {
		f.forget()
		f.put(unused)
		var everyone, racing sync.WaitGroup
		everyone.Add(n)
		verdicts := make([]*refusal, n)
		for i := range n {
			h := f.start()
			h.list.client = meeting{h.list.client, &everyone}
			event := changed(t, from(fmt.Sprintf("%064x", i)))
			racing.Go(func() {
				_, verdicts[i] = h.admit(t.Context(), event)
			})
		}
		racing.Wait()
		winner := ""
		for i, why := range verdicts {
			switch {
			case why == nil && winner == "":
				winner = fmt.Sprintf("%064x", i)
			case why == nil:
				t.Errorf("%d devices: a second one is admitted", n)
			case why.reason != serialUsed:
				t.Errorf("%d devices: refused for %s: %s", n, why.reason, why.detail)
			}
		}
		if got := f.listed()["certificate_id"]; winner == "" || !cmp.Equal(got, text(winner), untold) {
			t.Errorf("%d devices: certificate %v on the list, %q was admitted", n, got, winner)
		}
	}
}

// interloper is a table that changes behind the hook's back, between reading and writing.
type interloper struct {
	tableAPI
	meanwhile func()
}

func (i interloper) UpdateItem(
	ctx context.Context,
	in *dynamodb.UpdateItemInput,
	options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	i.meanwhile()
	return i.tableAPI.UpdateItem(ctx, in, options...)
}

func TestTheListChangesDuringARequest(t *testing.T) {
	f := newFixture(t, nil)
	client := f.list.client
	for _, c := range []struct {
		why       string
		meanwhile func()
		want      reason
		detail    string
	}{
		{"the serial is taken from the list", f.forget, notListed, "during the request"},
		{"the serial is used", func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text(another)})) },
			serialUsed, another},
		{"certificate_id is spoilt",
			func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text("")})) }, invalidItem,
			"remove the attribute"},
		{"the serial is used by the same certificate",
			func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text(certificate)})) }, "", ""},
	} {
		f.put(unused)
		f.list.client = interloper{client, c.meanwhile}
		if answer := f.ask(changed(t), quick); answer.AllowProvisioning != (c.want == "") {
			t.Errorf("%s: admitted is %v", c.why, answer.AllowProvisioning)
		}
		f.wantPrinted(c.want, c.detail)
	}
}
