package main

import (
	"encoding/json"
	"fmt"

	core "k8s.io/api/core/v1"
	resource "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/api/v1beta1"
	"k8s.io/dynamic-resource-allocation/api/v1beta2"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/klog/v2"
)

type convertQuestion struct {
	Object json.RawMessage `json:"object"`
}

// convert returns an object of resource.k8s.io/v1beta1 or v1beta2 as one of v1.
func convert(q convertQuestion) (any, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{resource.AddToScheme, v1beta1.AddToScheme, v1beta2.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme, scheme, serializer.SerializerOptions{Strict: true})
	object, _, err := strict.Decode(q.Object, nil, nil)
	if err != nil {
		return nil, err
	}
	// This function sets the version and kind in what it returns.
	return scheme.UnsafeConvertToVersion(object, resource.SchemeGroupVersion)
}

// nodesQuestion asks which nodes a pod's nodeSelector and required node affinity admit, or, without
// a pod, which nodes a node selector admits (a claim's allocation has one).
type nodesQuestion struct {
	Pod      *core.Pod          `json:"pod"`
	Selector *core.NodeSelector `json:"selector"`
	Nodes    []*core.Node       `json:"nodes"`
}

func nodeAffinity(q nodesQuestion) (any, error) {
	matches := func(*core.Node) (bool, error) { return true, nil }
	switch {
	case (q.Pod == nil) == (q.Selector == nil):
		return nil, fmt.Errorf("give either pod or selector")
	case q.Pod != nil:
		matches = nodeaffinity.GetRequiredNodeAffinity(q.Pod).Match
	default:
		matches = nodeaffinity.NewLazyErrorNodeSelector(q.Selector).Match
	}
	answers := map[string]bool{}
	for _, node := range q.Nodes {
		admits, err := matches(node)
		if err != nil {
			return nil, err
		}
		answers[node.Name] = admits
	}
	return answers, nil
}

type tolerationQuestion struct {
	Tolerations []core.Toleration `json:"tolerations"`
	Taints      []core.Taint      `json:"taints"`
}

type tolerationAnswer[T any] struct {
	Tolerates bool `json:"tolerates"`
	Because   *T   `json:"because,omitempty"`
}

// tolerates says whether a pod may be placed on a node with these taints, and the taint that forbids it.
func tolerates(q tolerationQuestion) (any, error) {
	blocks := func(taint *core.Taint) bool { return taint.Effect != core.TaintEffectPreferNoSchedule }
	taint, forbids := corev1.FindMatchingUntoleratedTaint(klog.Background(), q.Taints, q.Tolerations, blocks, false)
	if forbids {
		return tolerationAnswer[core.Taint]{Because: &taint}, nil
	}
	return tolerationAnswer[core.Taint]{Tolerates: true}, nil
}

type deviceTolerationQuestion struct {
	Tolerations []resource.DeviceToleration `json:"tolerations"`
	Taints      []resource.DeviceTaint      `json:"taints"`
}

// toleratesDevice says whether a request may be given a device with these taints.
func toleratesDevice(q deviceTolerationQuestion) (any, error) {
	for _, taint := range q.Taints {
		tolerated := taint.Effect != resource.DeviceTaintEffectNoSchedule && taint.Effect != resource.DeviceTaintEffectNoExecute
		for _, toleration := range q.Tolerations {
			tolerated = tolerated || resourceclaim.ToleratesTaint(toleration, taint)
		}
		if !tolerated {
			return tolerationAnswer[resource.DeviceTaint]{Because: &taint}, nil
		}
	}
	return tolerationAnswer[resource.DeviceTaint]{Tolerates: true}, nil
}
