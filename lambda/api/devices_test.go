package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

func TestADeviceAndItsCertificate(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	f.thing("soil-001", owner)
	id := f.certificate("soil-001")
	got := get[DeviceDetails](f, "/v1/devices/soil-001")
	if len(got.Certificates) != 1 || got.Certificates[0].ID != id ||
		got.Certificates[0].Status != "ACTIVE" {
		t.Errorf("certificates %+v", got.Certificates)
	}
	got.Certificates = nil
	want := DeviceDetails{Registered: true, Attributes: map[string]string{"bay": "7"}, Device: Device{
		Device: "soil-001", Status: "online", StatusAt: &f.clock, LastSeen: &f.clock, MeasuredAt: &f.clock,
		Latest: map[string]any{"humidity": 29.0, "door": "open", "lit": true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// certificate gives a thing an active certificate, and returns its ID.
func (f *fixture) certificate(thing string) string {
	f.t.Helper()
	keys, err := f.iot.CreateKeysAndCertificate(f.t.Context(), &iot.CreateKeysAndCertificateInput{SetAsActive: true})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.iot.AttachThingPrincipal(f.t.Context(), &iot.AttachThingPrincipalInput{
		ThingName: aws.String(thing), Principal: keys.CertificateArn}); err != nil {
		f.t.Fatal(err)
	}
	return *keys.CertificateId
}

func TestWhoseDeviceItIs(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("new-001", owner)
	f.thing("foreign-001", "another-token")
	f.device("removed-001", contract.StatusOffline)
	f.device("moved-001", contract.StatusOffline)
	f.thing("moved-001", "another-token")
	if got := get[DeviceDetails](f, "/v1/devices/new-001"); got.Status != statusNeverSeen || !got.Registered {
		t.Errorf("a device that has sent nothing: %+v", got)
	}
	for _, name := range []string{"removed-001", "moved-001"} {
		if got := get[DeviceDetails](f, "/v1/devices/"+name); got.Registered || got.Attributes != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, name := range []string{"foreign-001", "nobody"} {
		f.ask(request{method: http.MethodGet, path: "/v1/devices/" + name}).wantProblem(unknownDevice)
		f.ask(request{method: http.MethodGet, path: "/v1/devices/" + name + "/commands"}).wantProblem(unknownDevice)
		f.ask(request{method: http.MethodPost, path: "/v1/devices/" + name + "/commands", body: "{}"}).
			wantProblem(unknownDevice)
	}
	if n := len(f.moto.Published(t)); n != 0 {
		t.Errorf("%d messages to devices of others", n)
	}
}

// What AWS IoT tells of connections is part of a device's state.
func TestADeviceWithPresence(t *testing.T) {
	f := newFixture(t, nil)
	f.put(deviceTable, item{contract.DeviceKey: text("soil-001"), contract.StatusAttribute: text(contract.StatusOffline),
		contract.ConnectedAttribute:        &types.AttributeValueMemberBOOL{Value: false},
		contract.DisconnectedAtAttribute:   number(f.clock.UnixMilli()),
		contract.DisconnectReasonAttribute: text("MQTT_KEEP_ALIVE_TIMEOUT")})
	got := get[DeviceDetails](f, "/v1/devices/soil-001")
	if got.Connected == nil || *got.Connected || !got.DisconnectedAt.Equal(f.clock) ||
		got.DisconnectReason != "MQTT_KEEP_ALIVE_TIMEOUT" {
		t.Errorf("device %+v", got.Device)
	}
}

// fill writes a fleet, of which every third device is offline, and special items among it.
func (f *fixture) fill(fleet int) {
	f.t.Helper()
	var requests []types.WriteRequest
	add := func(it item) {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
	}
	for i := range fleet {
		status := contract.StatusOnline
		if i%3 == 0 {
			status = contract.StatusOffline
		}
		add(item{contract.DeviceKey: text(fmt.Sprintf("soil-%05d", i)), contract.StatusAttribute: text(status),
			contract.LastSeenAttribute: number(f.clock.UnixMilli())})
		if i%20 == 0 {
			add(item{contract.DeviceKey: text(fmt.Sprintf("$cooldown#dry#soil-%05d", i)),
				contract.StatusAttribute: text(contract.StatusAlert), contract.LastSeenAttribute: number(1)})
		}
	}
	for chunk := range slices.Chunk(requests, 25) {
		if _, err := f.db.BatchWriteItem(f.t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{deviceTable: chunk}}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// walk lists all pages, and calls meanwhile after each. No device may appear twice.
func (f *fixture) walk(query string, meanwhile func(page int)) map[string]string {
	f.t.Helper()
	found := map[string]string{}
	cursor := ""
	for page := 0; ; page++ {
		path := "/v1/devices?limit=100" + query
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		got := get[Devices](f, path)
		for _, d := range got.Devices {
			if _, twice := found[d.Device]; twice {
				f.t.Errorf("%s appears twice", d.Device)
			}
			found[d.Device] = d.Status
		}
		if cursor = got.Cursor; cursor == "" {
			return found
		}
		meanwhile(page)
	}
}

// Of 10,000 devices, listed page by page while they send, none is missing and none appears twice.
func TestALargeFleetIsListedWhileItChanges(t *testing.T) {
	const fleet = 10_000
	f := newFixture(t, nil)
	f.fill(fleet)
	sends := func(page int) {
		for i := range 5 {
			f.clock = f.clock.Add(1)
			name := fmt.Sprintf("soil-%05d", (page*7919+i*2503)%fleet/3*3) // an offline one stays so
			f.put(deviceTable, item{contract.DeviceKey: text(name), contract.StatusAttribute: text(contract.StatusOffline),
				contract.LastSeenAttribute: number(f.clock.UnixMilli() + int64(page))})
		}
		f.put(deviceTable, item{contract.DeviceKey: text(fmt.Sprintf("$cooldown#hot#soil-%05d", page))})
	}
	if found := f.walk("", sends); len(found) != fleet {
		t.Errorf("%d of %d devices", len(found), fleet)
	}
	found := f.walk("&status=offline", sends)
	if len(found) != (fleet+2)/3 {
		t.Errorf("%d devices are offline, want %d", len(found), (fleet+2)/3)
	}
	if statuses := slices.Compact(slices.Sorted(maps.Values(found))); !slices.Equal(statuses, []string{"offline"}) {
		t.Errorf("statuses %v", statuses)
	}
}

func TestDevicesThatChangeTheirStatusAreLeftOut(t *testing.T) {
	f := newFixture(t, nil)
	f.fill(300)
	found := f.walk("&status=online", func(int) {
		f.device("soil-00299", contract.StatusOffline)
	})
	if _, listed := found["soil-00299"]; listed || len(found) != 199 {
		t.Errorf("%d devices, with the one that went offline: %v", len(found), listed)
	}
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.fill(30)
	cursor := get[Devices](f, "/v1/devices?limit=5").Cursor
	other := f.start()
	other.service.pipeline = "other"
	for why, path := range map[string]string{
		"another query":    "/v1/devices?status=online&cursor=" + cursor,
		"another list":     "/v1/devices/soil-00001/commands?cursor=" + cursor,
		"changed":          "/v1/devices?cursor=" + cursor[:len(cursor)-2] + "xx",
		"cut":              "/v1/devices?cursor=" + cursor[:8],
		"no cursor at all": "/v1/devices?cursor=abc",
	} {
		t.Run(why, func(t *testing.T) {
			f.ask(request{method: http.MethodGet, path: path}).wantProblem(badCursor)
		})
	}
	foreign := *f
	foreign.handler = other
	foreign.ask(request{method: http.MethodGet, path: "/v1/devices?cursor=" + cursor}).wantProblem(badCursor)
	if got := get[Devices](f, "/v1/devices?limit=7&cursor="+cursor); len(got.Devices) != 7 {
		t.Errorf("with another limit the cursor gives %d devices", len(got.Devices))
	}
}
