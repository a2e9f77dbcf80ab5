package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/util/compatibility"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
)

// kubernetes is one minor version with its feature gates.
type kubernetes struct {
	gates featuregate.FeatureGate
}

// newKubernetes makes the libraries of this process behave as those of a minor version do.
func newKubernetes(minor, gates string) (*kubernetes, error) {
	// The CEL compiler finds the version that it speaks for in this registry.
	release, _ := compatibility.DefaultComponentGlobalsRegistry.ComponentGlobalsOrRegister(
		basecompatibility.DefaultKubeComponent, compatibility.DefaultBuildEffectiveVersion(), nil)
	if minor != "" {
		emulated, err := version.ParseMajorMinor(minor)
		if err != nil {
			return nil, err
		}
		if emulated.GreaterThan(release.BinaryVersion()) {
			return nil, fmt.Errorf("%s is newer than these libraries, which are of %s", minor, release.BinaryVersion())
		}
		release.SetEmulationVersion(emulated)
	}
	gate := featuregate.NewVersionedFeatureGate(release.EmulationVersion())
	if err := gate.AddVersioned(draGates); err != nil {
		return nil, err
	}
	return &kubernetes{gate}, gate.Set(gates)
}

// celFeatures and allocatorFeatures mirror how the API server and the scheduler ask their gates.
func (k *kubernetes) celFeatures() cel.Features {
	return cel.Features{
		EnableConsumableCapacity: k.gates.Enabled("DRAConsumableCapacity"),
		EnableListTypeAttributes: k.gates.Enabled("DRAListTypeAttributes"),
	}
}

func (k *kubernetes) allocatorFeatures() structured.Features {
	return structured.Features{
		AdminAccess:             k.gates.Enabled("DRAAdminAccess"),
		CompatibilityGroups:     k.gates.Enabled("DRADeviceCompatibilityGroups"),
		ConsumableCapacity:      k.gates.Enabled("DRAConsumableCapacity"),
		DerivedAttributes:       k.gates.Enabled("DRADerivedAttributes"),
		DeviceBindingAndStatus:  k.gates.Enabled("DRADeviceBindingConditions") && k.gates.Enabled("DRAResourceClaimDeviceStatus"),
		DeviceTaints:            k.gates.Enabled("DRADeviceTaints"),
		FractionalCapacityRange: k.gates.Enabled("DRAFractionalCapacityRange"),
		ListTypeAttributes:      k.gates.Enabled("DRAListTypeAttributes"),
		OptionalNodeOperations:  k.gates.Enabled("DRAOptionalNodeOperations"),
		PartitionableDevices:    k.gates.Enabled("DRAPartitionableDevices"),
		PrioritizedList:         k.gates.Enabled("DRAPrioritizedList"),
	}
}

// draGates are the gates that change what the compiler and the allocator answer, by minor version.
// Kubernetes defines them in k8s.io/kubernetes, which this small module does without.
var draGates = map[featuregate.Feature]featuregate.VersionedSpecs{
	"DRAAdminAccess":               gate(alpha(32), on(34)),
	"DRAConsumableCapacity":        gate(alpha(34), on(36)),
	"DRADerivedAttributes":         gate(alpha(37)),
	"DRADeviceBindingConditions":   gate(alpha(34), on(36)),
	"DRADeviceCompatibilityGroups": gate(alpha(37)),
	"DRADeviceTaints":              gate(alpha(33), on(36)),
	"DRAFractionalCapacityRange":   gate(on(37)),
	"DRAListTypeAttributes":        gate(alpha(36)),
	"DRAOptionalNodeOperations":    gate(alpha(37)),
	"DRAPartitionableDevices":      gate(alpha(33), on(36)),
	"DRAPrioritizedList":           gate(alpha(33), on(34)),
	"DRAResourceClaimDeviceStatus": gate(alpha(32), on(33)),
}

func gate(specs ...featuregate.FeatureSpec) featuregate.VersionedSpecs { return specs }

func alpha(minor uint) featuregate.FeatureSpec {
	return featuregate.FeatureSpec{Version: version.MajorMinor(1, minor), PreRelease: featuregate.Alpha}
}

func on(minor uint) featuregate.FeatureSpec {
	return featuregate.FeatureSpec{Version: version.MajorMinor(1, minor), Default: true, PreRelease: featuregate.Beta}
}
