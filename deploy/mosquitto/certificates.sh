#!/bin/sh
# Makes a certificate authority of your own and a broker's certificate:
#   sh certificates.sh FOLDER NAME [ADDRESS]      for example  /etc/mosquitto/certs broker.lan 192.168.1.5
# Clients get ca.crt and connect by NAME or ADDRESS. Keep ca.key somewhere else: whoever has it can be your broker.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: sh certificates.sh FOLDER NAME [ADDRESS]" >&2
    exit 2
fi
folder=$1 name=$2 address=${3:-127.0.0.1}
umask 077
mkdir -p "$folder"
cd "$folder"

if [ ! -e ca.crt ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=$name authority" -keyout ca.key -out ca.crt \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
    -keyout broker.key -out broker.csr
printf 'subjectAltName=DNS:%s,IP:%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n' \
    "$name" "$address" >broker.ext
openssl x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile broker.ext -out broker.crt
rm broker.csr broker.ext

chmod 0644 ca.crt broker.crt
# Debian's Mosquitto gives up root before it reads them.
if getent passwd mosquitto >/dev/null && [ "$(id -u)" = 0 ]; then
    chown mosquitto: . broker.key broker.crt ca.crt
fi
openssl verify -x509_strict -CAfile ca.crt broker.crt
