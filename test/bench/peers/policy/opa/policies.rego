package placement

import rego.v1

severity := {"none": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}

# Policies lie in deciding order, so that the least place among those that match is the one that decides.
in_one_list contains p.place if {
	some p in data.policies
	p.tenant == input.tenant
	glob.match(p.match.repository, ["/"], input.repository)
	glob.match(p.match.tag, null, input.tag)
	every k, v in p.match.labels { input.labels[k] == v }
}

in_tenant contains p.place if {
	some p in data.by_tenant[input.tenant]
	glob.match(p.match.repository, ["/"], input.repository)
	glob.match(p.match.tag, null, input.tag)
	every k, v in p.match.labels { input.labels[k] == v }
}

satisfied(p) if {
	severity[input.scan.maxSeverity] <= severity[p.requires.maxSeverity]
	input.scan.ageHours <= p.requires.scanMaxAgeHours
}

decide(p) := {"policy": p.id, "allow": true, "targets": p.targets} if satisfied(p)

decide(p) := {"policy": p.id, "allow": false, "targets": []} if not satisfied(p)

flat := decide(data.policies[min(in_one_list)])

tenant := decide(data.policies[min(in_tenant)])
