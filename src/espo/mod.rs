//! EspoCRM as it is on the wire: client, signatures, record mapping, paging, packing of the extension.
