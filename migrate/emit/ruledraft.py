"""A rule to be filled in, and a case that is to prove it, as text."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = "schema.json"
"""Where a rule looks for the schema of rules: in the folder of its vendor's folder."""
HEADER: Final = f"# yaml-language-server: $schema=../{SCHEMA}"

_RULE: Final = """\
{header}
# Every field that is left empty here is needed: the rule is refused until all are filled in.
name: {vendor}/{family}
# The family, as people call it.
title:
# The name of the DRA driver, as its ResourceSlices have it; "" where there is none.
driver:
# Where every fact of this file was read: a repository with its commit and path, or a document.
sources:
  -

container:
  resources:
    # The extended resource that pods ask for, domain/name. For a family of names leave `name` out
    # and give `pattern`, a regular expression that has to match the whole name.
    - name:
      # exact: one unit is one whole device of the class. approx: a person decides. none: nothing
      # answers. What is not exact needs a `why`, one sentence that people read in the report.
      maps:
      # The DeviceClass, one of those below; "" where there is none.
      device_class:
      # A short DNS label that claims and requests are named by: gpu, nic, npu.
      noun:
      # Where this was read.
      source:
  classes:
    # A DeviceClass that the driver brings, as metadata.name; without a driver write `classes: []`.
    - name:
      # Its CEL selectors, as the vendor's chart renders them.
      selectors:
        -
      # spec.extendedResourceName as the vendor's newest chart sets it; "" where it does not.
      extended_resource_name:
      # Where this was read.
      source:
"""

_BEFORE: Final = """\
# A workload as your users write it. Until it asks for what the rule answers for, no rule is
# found in it, and the case fails.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {family}
  namespace: default
spec:
  selector:
    matchLabels:
      app: {family}
  template:
    metadata:
      labels:
        app: {family}
    spec:
      containers:
        - name: main
          image: registry.example.com/{family}:1
          resources:
            limits:
              # The rule's resource and a count; instead of this line.
              cpu: 1
"""


def files(name: str) -> dict[str, str]:
    """The text of a new rule and of its case, by their paths below the folder of rules.

    Shape: `name` is `<vendor>/<family>`; every field that the rule needs is empty, so that the
    rule check refuses it.
    """
    vendor, _, family = name.partition("/")
    return {
        f"{name}.yaml": _RULE.format(header=HEADER, vendor=vendor, family=family),
        f"fixtures/{vendor}/container-{family}/before/{family}.yaml": _BEFORE.format(family=family),
    }
