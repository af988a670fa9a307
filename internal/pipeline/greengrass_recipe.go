package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/contract"

// A component's recipe [AWS IoT Greengrass component recipe reference]. The members are in the order in which AWS's
// documentation has them.
type (
	recipe struct {
		RecipeFormatVersion    string
		ComponentName          string
		ComponentVersion       string
		ComponentDescription   string
		ComponentPublisher     string
		ComponentConfiguration struct{ DefaultConfiguration map[string]string }
		Manifests              []recipeManifest
	}
	recipeManifest struct {
		Name      string
		Platform  recipePlatform
		Lifecycle recipeLifecycle
		Artifacts []recipeObject
	}
	recipePlatform struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	}
	recipeLifecycle struct {
		Setenv       map[string]string
		Install, Run recipeStep
	}
	recipeStep   struct{ Script string }
	recipeObject struct {
		URI, Unarchive string
		Permission     struct{ Read, Execute string }
	}
)

// recipeArtifact is the zip of iot-edge for one architecture.
type recipeArtifact struct{ architecture, uri string }

const (
	// artifactPrefix is what keys of artifacts begin with; a digest and artifactFile follow.
	artifactPrefix = "iot-edge/"
	artifactFile   = "iot-edge.zip"
	// settingsMember is the member of the component's configuration with the settings of iot-edge as JSON text: as
	// text, because Greengrass would write numbers in its own way.
	settingsMember = "settings"
	// versionMember is the member with their version, also as text.
	versionMember = "settings_version"
	// edgeFile is the configuration of iot-edge on a gateway, with what each has of its own.
	edgeFile = "/etc/iot-edge/edge.json"
)

// recipePlatforms are the words of recipes for architectures.
var recipePlatforms = map[string]string{"arm64": "aarch64", "x86_64": "amd64"}

// recipe is what a core device does with iot-edge. It runs as the user that the nucleus runs components as, with the
// gateway's own file and credentials bundle, and beside the nucleus's connection. Its queue is in the component's work
// directory, which outlives versions. A file or settings that iot-edge cannot use fail the installation, so that the
// core device goes back to what it ran before.
//
// A component with a run script counts as running when the script has started, so only the check can fail a deployment
// for sure. The nucleus repeats the installation for another version of the component or another text of the script,
// and not for another environment [GenericExternalService.java of the nucleus]. So the text has the version of the
// settings in it.
func (b *builder) recipe(version string, artifacts []recipeArtifact) string {
	r := recipe{
		RecipeFormatVersion: "2020-01-25", ComponentName: b.names.component(), ComponentVersion: version,
		ComponentDescription: "Gateway of pipeline " + b.config.Name, ComponentPublisher: "iot_pipeline",
	}
	r.ComponentConfiguration.DefaultConfiguration = map[string]string{"file": edgeFile, settingsMember: "{}",
		versionMember: "0"}
	const program = `"{artifacts:decompressedPath}/iot-edge/iot-edge"`
	const settings = " # settings {configuration:/" + versionMember + "}"
	const arguments = ` -client-id '{iot:thingName}#edge' -state '{work:path}' -shadow off '{configuration:/file}'`
	for _, a := range artifacts {
		object := recipeObject{URI: a.uri, Unarchive: "ZIP"}
		object.Permission.Read, object.Permission.Execute = "OWNER", "OWNER"
		r.Manifests = append(r.Manifests, recipeManifest{
			Name:     "Linux " + a.architecture,
			Platform: recipePlatform{OS: "linux", Architecture: recipePlatforms[a.architecture]},
			Lifecycle: recipeLifecycle{
				Setenv:  map[string]string{contract.EnvEdgeSettings: "{configuration:/" + settingsMember + "}"},
				Install: recipeStep{program + " check" + arguments + settings},
				Run:     recipeStep{"exec " + program + " run" + arguments},
			},
			Artifacts: []recipeObject{object},
		})
	}
	return encode(r)
}
