package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"
	"github.com/danielgtaylor/huma/v2"
)

// maxShadowBytes bounds the body of a request that changes a shadow: AWS IoT takes documents of 8 KB.
const maxShadowBytes = 8 << 10

// Shadow is a shadow of a device, or its configuration.
type Shadow struct {
	Desired    map[string]any `json:"desired" doc:"What applications want"`
	Reported   map[string]any `json:"reported" doc:"What the device says of itself"`
	Difference map[string]any `json:"difference" doc:"What is desired and not reported so"`
	Version    int64          `json:"version" doc:"Grows with each change; 0: there is no such shadow yet"`
	UpdatedAt  *time.Time     `json:"updated_at,omitempty"`
}

// Shadows is a page of the names of a device's named shadows.
type Shadows struct {
	Shadows []string `json:"shadows"`
	Cursor  string   `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

// MatchParameter makes a change depend on the version.
type MatchParameter struct {
	IfMatch string `header:"If-Match" pattern:"^(\\*|\"[0-9a-f]{1,18}\")$" doc:"The ETag that must still hold"`
}

// ShadowParameter is the parameter of paths of a named shadow.
type ShadowParameter struct {
	Shadow string `path:"shadow" pattern:"^[a-zA-Z0-9:_-]{1,64}$" doc:"The shadow's name"`
}

// ShadowChange is a change of a shadow.
type ShadowChange struct {
	Desired map[string]any `json:"desired" doc:"Members to set; null removes one. Objects are merged"`
}

type shadowInput struct {
	DeviceParameter
	ShadowParameter
}

type changeInput struct {
	DeviceParameter
	MatchParameter
	Body    ShadowChange
	RawBody []byte
}

type namedChangeInput struct {
	DeviceParameter
	ShadowParameter
	MatchParameter
	Body    ShadowChange
	RawBody []byte
}

type shadowOutput struct {
	ETag string `header:"ETag" doc:"The version"`
	Body Shadow
}

type shadowsInput struct {
	DeviceParameter
	PageParameters
}

type shadowsOutput struct{ Body Shadows }

func (s *service) shadowOperations(api huma.API) {
	const device = "/v1/devices/{device}"
	register(api, operation("getShadow", http.MethodGet, device+"/shadow", "Get the classic shadow",
		"The device's unnamed shadow."), func(ctx context.Context, in *deviceInput) (*shadowOutput, error) {
		return s.showShadow(ctx, in.Device, "")
	})
	register(api, operation("getNamedShadow", http.MethodGet, device+"/shadow/{shadow}", "Get a named shadow",
		"A named shadow of the device."), func(ctx context.Context, in *shadowInput) (*shadowOutput, error) {
		return s.showShadow(ctx, in.Device, in.Shadow)
	})
	patch := func(id, path, what string) huma.Operation {
		op := operation(id, http.MethodPatch, path, "Change "+what, "Merges `desired` into the shadow. With "+
			"`If-Match`, only if the version is still that one.", http.StatusConflict, http.StatusPreconditionFailed)
		op.MaxBodyBytes = maxShadowBytes + 1
		return op
	}
	register(api, patch("patchShadow", device+"/shadow", "the classic shadow"),
		func(ctx context.Context, in *changeInput) (*shadowOutput, error) {
			return s.patchShadow(ctx, in.Device, "", in.IfMatch, in.RawBody)
		})
	register(api, patch("patchNamedShadow", device+"/shadow/{shadow}", "a named shadow"),
		func(ctx context.Context, in *namedChangeInput) (*shadowOutput, error) {
			return s.patchShadow(ctx, in.Device, in.Shadow, in.IfMatch, in.RawBody)
		})
	register(api, operation("listShadows", http.MethodGet, device+"/shadows", "List named shadows",
		"The names of the device's named shadows.", http.StatusBadRequest), s.listShadows)
}

func (s *service) showShadow(ctx context.Context, device, name string) (*shadowOutput, error) {
	if err := s.registered(ctx, device); err != nil {
		return nil, err
	}
	found, err := s.shadow(ctx, device, name)
	if err != nil {
		return nil, s.failed(ctx, err, "reading a shadow")
	}
	if found.Version == 0 {
		return nil, unknownShadow.problem("Device %q has no such shadow.", device)
	}
	return shown(found), nil
}

func shown(found *Shadow) *shadowOutput {
	return &shadowOutput{ETag: versionTag(found.Version), Body: *found}
}

func versionTag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matched reads If-Match: the version that must be stored; nil: any.
func matched(header string, found *Shadow) (*int64, error) {
	if header == "" {
		return nil, nil
	}
	if header == "*" && found.Version > 0 || header == versionTag(found.Version) {
		return &found.Version, nil
	}
	return nil, stale.problem("The stored version is %d.", found.Version)
}

func (s *service) patchShadow(ctx context.Context, device, name, match string, body []byte) (*shadowOutput, error) {
	var change ShadowChange
	if err := decode(body, &change); err != nil {
		return nil, malformed.problem("The body is not JSON.")
	}
	if err := s.registered(ctx, device); err != nil {
		return nil, err
	}
	var version *int64
	if match != "" {
		found, err := s.shadow(ctx, device, name)
		if err != nil {
			return nil, s.failed(ctx, err, "reading a shadow")
		}
		if version, err = matched(match, found); err != nil {
			return nil, err
		}
	}
	if err := s.updateShadow(ctx, device, name, change.Desired, version); err != nil {
		if errors.As(err, new(*datatypes.ConflictException)) && match != "" {
			return nil, stale.problem("The shadow has changed.")
		}
		return nil, s.refusedShadow(ctx, err)
	}
	found, err := s.shadow(ctx, device, name)
	if err != nil {
		return nil, s.failed(ctx, err, "reading a shadow")
	}
	return shown(found), nil
}

func (s *service) listShadows(ctx context.Context, in *shadowsInput) (*shadowsOutput, error) {
	query := []string{"shadows", in.Device}
	token, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.registered(ctx, in.Device); err != nil {
		return nil, err
	}
	request := &iotdataplane.ListNamedShadowsForThingInput{
		ThingName: aws.String(in.Device), PageSize: aws.Int32(int32(in.Limit)),
	}
	if token != "" {
		request.NextToken = aws.String(token)
	}
	out, err := s.data.ListNamedShadowsForThing(ctx, request)
	if errors.As(err, new(*datatypes.InvalidRequestException)) && token != "" {
		return nil, badCursor.problem("The cursor has expired; begin again without.")
	}
	if err != nil {
		return nil, s.failed(ctx, err, "listing shadows")
	}
	names := out.Results
	if names == nil {
		names = []string{}
	}
	return &shadowsOutput{Shadows{Shadows: names, Cursor: s.cursor(query, aws.ToString(out.NextToken))}}, nil
}

// shadowDocument is a shadow as AWS IoT answers it.
type shadowDocument struct {
	State struct {
		Desired  map[string]any `json:"desired"`
		Reported map[string]any `json:"reported"`
		Delta    map[string]any `json:"delta"`
	} `json:"state"`
	Version   int64 `json:"version"`
	Timestamp int64 `json:"timestamp"` // epoch seconds
}

// decode reads JSON, and keeps numbers as they are written.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// shadow reads a shadow; one that does not exist is empty and has version 0. The name of the classic shadow is empty.
func (s *service) shadow(ctx context.Context, device, name string) (*Shadow, error) {
	in := &iotdataplane.GetThingShadowInput{ThingName: aws.String(device)}
	if name != "" {
		in.ShadowName = aws.String(name)
	}
	found := &Shadow{Desired: map[string]any{}, Reported: map[string]any{}, Difference: map[string]any{}}
	out, err := s.data.GetThingShadow(ctx, in)
	if errors.As(err, new(*datatypes.ResourceNotFoundException)) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	var d shadowDocument
	if err := decode(out.Payload, &d); err != nil {
		return nil, fmt.Errorf("reading a shadow document: %w", err)
	}
	found.Version = d.Version
	for _, section := range []struct{ from, into *map[string]any }{
		{&d.State.Desired, &found.Desired}, {&d.State.Reported, &found.Reported}, {&d.State.Delta, &found.Difference},
	} {
		if *section.from != nil {
			*section.into = *section.from
		}
	}
	if d.Timestamp > 0 {
		at := time.Unix(d.Timestamp, 0).UTC()
		found.UpdatedAt = &at
	}
	return found, nil
}

// updateShadow merges a change into what is desired, only in a version if there is one.
func (s *service) updateShadow(ctx context.Context, device, name string, desired any, version *int64) error {
	document := map[string]any{"state": map[string]any{"desired": desired}}
	if version != nil && *version > 0 {
		document["version"] = *version
	}
	payload, err := json.Marshal(document)
	if err != nil {
		return err
	}
	in := &iotdataplane.UpdateThingShadowInput{ThingName: aws.String(device), Payload: payload}
	if name != "" {
		in.ShadowName = aws.String(name)
	}
	_, err = s.data.UpdateThingShadow(ctx, in)
	return err
}

// refusedShadow returns the problem for an update of a shadow that failed.
func (s *service) refusedShadow(ctx context.Context, err error) error {
	var refused *datatypes.InvalidRequestException
	switch {
	case errors.As(err, &refused):
		why := shortened(refused.ErrorMessage())
		if strings.Contains(why, "arn:") {
			why = "the document is not valid"
		}
		return shadowRefused.problem("AWS IoT says: %s.", strings.TrimSuffix(why, "."))
	case errors.As(err, new(*datatypes.RequestEntityTooLargeException)):
		return tooLarge.problem("A shadow has 8 KB at most.")
	case errors.As(err, new(*datatypes.ConflictException)):
		return conflict.problem("The shadow was changed at the same time.")
	}
	return s.failed(ctx, err, "changing a shadow")
}
