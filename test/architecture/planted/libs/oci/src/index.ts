export const oci = 1;
