# Asks every node's gaoler whether it is ready; says of each what it answered. Runs in the pod of
# `helm test`, under BusyBox: sh, nslookup, curl.
deadline=$(($(date +%s) + TIMEOUT))

# The addresses of the pods; those after the first empty line, which ends the server's own.
pods() {
    nslookup "$SERVICE" | awk 'past && /^Address/ {print $NF} /^$/ {past = 1}' | sort -u
}

# What one answers: 0 if it is as it should be.
ask() {
    host=$1
    case $host in *:*) host="[$host]" ;; esac
    # A certificate is for names; what is asked here is whether somebody is there.
    answer=$(curl --silent --show-error --insecure --max-time 5 --write-out '\n%{http_code}' \
        "$SCHEME://$host:$PORT/-/ready" 2>&1)
    code=$(printf '%s\n' "$answer" | tail -n 1)
    echo "$1: $answer"
    # A password is asked for before anything is told: it lives.
    [ "$code" = 200 ] || { [ "$GUARDED" = yes ] && [ "$code" = 401 ]; }
}

while :; do
    found=0 wrong=0
    for pod in $(pods); do
        found=$((found + 1))
        ask "$pod" || wrong=$((wrong + 1))
    done
    echo "$found pods, $wrong of them not ready"
    [ "$found" -gt 0 ] && [ "$wrong" -eq 0 ] && exit 0
    [ "$(date +%s)" -ge "$deadline" ] && exit 1
    sleep 2
done
