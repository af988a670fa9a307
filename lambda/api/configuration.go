package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"
	"github.com/danielgtaylor/huma/v2"
)

// configShadow is the name of the shadow that holds a device's configuration.
const configShadow = "config"

type configInput struct {
	DeviceParameter
	MatchParameter
	Body    map[string]any
	RawBody []byte
}

func (s *service) configOperations(api huma.API) {
	const path = "/v1/devices/{device}/config"
	register(api, operation("getConfig", http.MethodGet, path, "Get a device's configuration",
		"The configuration is the named shadow `config`: what is desired, what the device reports, and the "+
			"difference."),
		func(ctx context.Context, in *deviceInput) (*shadowOutput, error) {
			if err := s.registered(ctx, in.Device); err != nil {
				return nil, err
			}
			return s.shownConfig(ctx, in.Device)
		})
	put := operation("putConfig", http.MethodPut, path, "Replace a device's configuration",
		"The body is what is desired from now on; members that it lacks are removed. With `If-Match`, only if the "+
			"version is still that one.", http.StatusConflict, http.StatusPreconditionFailed)
	put.MaxBodyBytes = maxShadowBytes + 1
	register(api, put, s.putConfig)
}

func (s *service) putConfig(ctx context.Context, in *configInput) (*shadowOutput, error) {
	var wanted map[string]any
	if err := decode(in.RawBody, &wanted); err != nil {
		return nil, malformed.problem("The body is not JSON.")
	}
	if at := nullIn(wanted, "body"); at != "" {
		return nil, invalid.problem("A configuration has no null: leave out what the device should not have.").
			at(at, "is null")
	}
	if err := s.registered(ctx, in.Device); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		found, err := s.shadow(ctx, in.Device, configShadow)
		if err != nil {
			return nil, s.failed(ctx, err, "reading a configuration")
		}
		change := replacement(found.Desired, wanted)
		done := len(change) == 0 && (found.Version > 0 || len(wanted) == 0)
		if done && attempt > 1 {
			return shown(found), nil // the answer to an earlier attempt was lost, or somebody else wanted the same
		}
		if _, err := matched(in.IfMatch, found); err != nil || done {
			return shown(found), err
		}
		err = s.updateShadow(ctx, in.Device, configShadow, change, &found.Version)
		if err == nil {
			return s.shownConfig(ctx, in.Device)
		}
		if attempt == attempts || !errors.As(err, new(*datatypes.ConflictException)) {
			return nil, s.refusedShadow(ctx, err)
		}
	}
}

// shownConfig reads a configuration that was changed.
func (s *service) shownConfig(ctx context.Context, device string) (*shadowOutput, error) {
	found, err := s.shadow(ctx, device, configShadow)
	if err != nil {
		return nil, s.failed(ctx, err, "reading a configuration")
	}
	return shown(found), nil
}

// replacement returns the change that makes wanted of stored: AWS IoT merges it, and null removes a member.
func replacement(stored, wanted map[string]any) map[string]any {
	change := map[string]any{}
	for name := range stored {
		if _, stays := wanted[name]; !stays {
			change[name] = nil
		}
	}
	for name, value := range wanted {
		old, known := stored[name]
		if known && reflect.DeepEqual(old, value) {
			continue
		}
		oldObject, wasObject := old.(map[string]any)
		object, isObject := value.(map[string]any)
		if wasObject && isObject {
			if inner := replacement(oldObject, object); len(inner) > 0 {
				change[name] = inner
			}
			continue
		}
		change[name] = value
	}
	return change
}

// nullIn returns where an object has a null, "" if nowhere.
func nullIn(value any, at string) string {
	switch v := value.(type) {
	case nil:
		return at
	case map[string]any:
		for name, inner := range v {
			if found := nullIn(inner, at+"."+shortened(name)); found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range v {
			if found := nullIn(inner, at+"[]"); found != "" {
				return found
			}
		}
	}
	return ""
}
