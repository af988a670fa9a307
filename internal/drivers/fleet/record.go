package fleet

import (
	"encoding/json"
	"maps"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Keys of Identity.Outputs: what Observe and Delete need and AWS does not say.
const (
	outputThingType   = "thing_type"
	outputStore       = "credentials_store"
	outputPath        = "credentials_path"
	outputKMSKey      = "credentials_kms_key_id"
	outputBucket      = "credentials_bucket"
	outputEndpoint    = "endpoint"
	outputTopicPrefix = "topic_prefix"
	outputTags        = "tags"
)

// StoreKind returns the kind of store that the outputs of a fleet name; "" if they name none.
func StoreKind(outputs map[string]string) string { return outputs[outputStore] }

// identity is the record of a fleet: its thing group, and what cannot be read back from AWS.
func identity(f spec.Fleet) assembly.Identity {
	tags := ""
	if len(f.Tags) > 0 {
		text, _ := json.Marshal(f.Tags) // a map of strings always encodes
		tags = string(text)
	}
	outputs := map[string]string{
		outputThingType: f.ThingType, outputStore: f.Store.Kind, outputPath: f.Store.Path,
		outputKMSKey: f.Store.KMSKeyID, outputBucket: f.Store.Bucket, outputEndpoint: f.Endpoint,
		outputTopicPrefix: f.TopicPrefix, outputTags: tags,
	}
	maps.DeleteFunc(outputs, func(_, v string) bool { return v == "" })
	return assembly.Identity{ID: f.ThingGroup, Outputs: outputs}
}

// recorded is the fleet as the record describes it, without devices; Options.Defaults are used where there is none.
func (d *Driver) recorded(ref assembly.Ref) spec.Fleet {
	f := d.opts.Defaults
	f.Devices = nil
	if f.ThingGroup == "" {
		f.ThingGroup = ref.Name
	}
	if ref.ID != "" {
		f.ThingGroup = ref.ID
	}
	if len(ref.Outputs) == 0 {
		return f
	}
	f.ThingType = ref.Outputs[outputThingType]
	f.Store = spec.CredentialsStore{
		Kind:     ref.Outputs[outputStore],
		Path:     ref.Outputs[outputPath],
		KMSKeyID: ref.Outputs[outputKMSKey],
		Bucket:   ref.Outputs[outputBucket],
	}
	f.Endpoint, f.TopicPrefix = ref.Outputs[outputEndpoint], ref.Outputs[outputTopicPrefix]
	f.Tags = map[string]string{}
	if text := ref.Outputs[outputTags]; text != "" {
		if json.Unmarshal([]byte(text), &f.Tags) != nil {
			f.Tags = nil // unreadable: not known, so not compared
		}
	}
	return f
}
