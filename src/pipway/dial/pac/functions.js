// The functions that a PAC file may call (Netscape's, and Microsoft's with Ex). No way out of here: names are looked up
// by the caller, who puts the answers into __dns and runs the file again; __needed says which are missing.

var __dns = {}, __needed = [], __mine = ["127.0.0.1"], __time = null;

function __lookup(host) {
  host = String(host).toLowerCase();
  if (__isAddress(host)) return [host];
  if (!Object.prototype.hasOwnProperty.call(__dns, host)) {
    __needed.push(host);
    throw new Error("name not looked up yet");
  }
  return __dns[host];
}

function __isAddress(text) { return __packed4(text) !== null || text.indexOf(":") >= 0; }

function __packed4(text) {
  var parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!parts) return null;
  var number = 0;
  for (var i = 1; i <= 4; i++) {
    if (+parts[i] > 255) return null;
    number = number * 256 + +parts[i];
  }
  return number;
}

function __packed6(text) {
  var halves = String(text).split("%")[0].split("::");
  if (halves.length > 2) return null;
  function groups(half) {
    var found = [];
    var words = half ? half.split(":") : [];
    for (var i = 0; i < words.length; i++) {
      var v4 = words[i].indexOf(".") >= 0 ? __packed4(words[i]) : null;
      if (v4 !== null) found.push(Math.floor(v4 / 65536), v4 % 65536);
      else if (/^[0-9a-f]{1,4}$/i.test(words[i])) found.push(parseInt(words[i], 16));
      else return null;
    }
    return found;
  }
  var head = groups(halves[0]), tail = halves.length === 2 ? groups(halves[1]) : [];
  if (!head || !tail) return null;
  var missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 0 : missing !== 0) return null;
  while (missing-- > 0) head.push(0);
  return head.concat(tail);
}

function isPlainHostName(host) { return String(host).indexOf(".") < 0 && String(host).indexOf(":") < 0; }

function dnsDomainIs(host, domain) {
  host = String(host).toLowerCase(); domain = String(domain).toLowerCase();
  return host.length >= domain.length && host.substring(host.length - domain.length) === domain;
}

function localHostOrDomainIs(host, hostdom) {
  host = String(host).toLowerCase(); hostdom = String(hostdom).toLowerCase();
  return host === hostdom || (host.indexOf(".") < 0 && hostdom.indexOf(host + ".") === 0);
}

function dnsDomainLevels(host) { return String(host).split(".").length - 1; }

function dnsResolve(host) {
  var found = __lookup(host);
  for (var i = 0; i < found.length; i++) if (__packed4(found[i]) !== null) return found[i];
  return null;
}

function isResolvable(host) { return dnsResolve(host) !== null; }

function isInNet(host, pattern, mask) {
  var address = __packed4(String(host));
  if (address === null) {
    var found = dnsResolve(host);
    if (found === null) return false;
    address = __packed4(found);
  }
  var net = __packed4(String(pattern)), bits = __packed4(String(mask));
  if (net === null || bits === null) return false;
  return ((address & bits) >>> 0) === ((net & bits) >>> 0);
}

function myIpAddress() {
  for (var i = 0; i < __mine.length; i++) if (__packed4(__mine[i]) !== null) return __mine[i];
  return "127.0.0.1";
}

function shExpMatch(text, pattern) {
  var source = String(pattern).replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[\\s\\S]*").replace(/\?/g, "[\\s\\S]");
  return new RegExp("^" + source + "$").test(String(text));
}

function convert_addr(text) { return __packed4(String(text)) || 0; }

function dnsResolveEx(host) {
  try { return __lookup(host).join(";"); } catch (error) { if (__needed.length) throw error; return ""; }
}

function isResolvableEx(host) { return __lookup(host).length > 0; }

function isInNetEx(host, prefix) {
  var parts = String(prefix).split("/"), addresses = __lookup(host);
  var v4 = __packed4(parts[0]) !== null, bits = +parts[1];
  if (parts.length !== 2 || !(bits >= 0) || bits > (v4 ? 32 : 128)) return false;
  for (var i = 0; i < addresses.length; i++) {
    if (v4) {
      var address = __packed4(addresses[i]);
      var mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
      if (address !== null && ((address & mask) >>> 0) === ((__packed4(parts[0]) & mask) >>> 0)) return true;
    } else {
      var a = __packed6(addresses[i]), b = __packed6(parts[0]);
      if (!a || !b || __packed4(addresses[i]) !== null) continue;
      var same = true;
      for (var bit = 0; bit < bits && same; bit++) {
        var shift = 15 - bit % 16, group = Math.floor(bit / 16);
        same = ((a[group] >> shift) & 1) === ((b[group] >> shift) & 1);
      }
      if (same) return true;
    }
  }
  return false;
}

function myIpAddressEx() { return __mine.join(";"); }

function sortIpAddressList(list) {
  var items = String(list).split(";");
  if (!list) return "";
  for (var i = 0; i < items.length; i++) {
    items[i] = items[i].trim();
    if (__packed4(items[i]) === null && !__packed6(items[i])) return "";
  }
  function key(text) {
    var v4 = __packed4(text);
    var groups = v4 !== null ? [0, 0, 0, 0, 0, 0xffff, Math.floor(v4 / 65536), v4 % 65536] : __packed6(text);
    return (v4 !== null ? "1" : "0") + groups.map(function (g) { return ("0000" + g.toString(16)).slice(-4); }).join("");
  }
  return items.sort(function (a, b) { return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0; }).join(";");
}

function getClientVersion() { return "1.0"; }

function alert() {}

function __date() { return __time === null ? new Date() : new Date(__time); }

function __parts(args) {
  var list = Array.prototype.slice.call(args), gmt = false;
  if (list.length && list[list.length - 1] === "GMT") { gmt = true; list.pop(); }
  var d = __date();
  return {
    list: list,
    weekday: gmt ? d.getUTCDay() : d.getDay(),
    day: gmt ? d.getUTCDate() : d.getDate(),
    month: gmt ? d.getUTCMonth() : d.getMonth(),
    year: gmt ? d.getUTCFullYear() : d.getFullYear(),
    seconds: gmt
      ? d.getUTCHours() * 3600 + d.getUTCMinutes() * 60 + d.getUTCSeconds()
      : d.getHours() * 3600 + d.getMinutes() * 60 + d.getSeconds()
  };
}

function __between(low, value, high) { return low <= high ? low <= value && value <= high : value >= low || value <= high; }

function weekdayRange() {
  var p = __parts(arguments), names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
  var first = names.indexOf(p.list[0]), last = p.list.length > 1 ? names.indexOf(p.list[1]) : first;
  return first >= 0 && last >= 0 && __between(first, p.weekday, last);
}

function dateRange() {
  var p = __parts(arguments), n = p.list.length;
  var months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
  function read(items) {
    var found = {};
    for (var i = 0; i < items.length; i++) {
      if (typeof items[i] === "string" && months.indexOf(items[i]) >= 0) found.month = months.indexOf(items[i]);
      else if (+items[i] > 31) found.year = +items[i];
      else found.day = +items[i];
    }
    return found;
  }
  function same(date) {
    return (date.day === undefined || date.day === p.day) && (date.month === undefined || date.month === p.month)
      && (date.year === undefined || date.year === p.year);
  }
  if (n === 0 || n > 6) return false;
  var whole = read(p.list);
  if (Object.keys(whole).length === n && n <= 3) return same(whole);  // (24, "DEC"), (24, "DEC", 1995): one date
  if (n % 2) return false;
  var low = read(p.list.slice(0, n / 2)), high = read(p.list.slice(n / 2));
  function number(part, year, month, day) {
    return (part.year !== undefined ? year * 10000 : 0) + (part.month !== undefined ? month * 100 : 0)
      + (part.day !== undefined ? day : 0);
  }
  var now = number(low, p.year, p.month, p.day);
  return __between(number(low, low.year, low.month, low.day), now, number(high, high.year, high.month, high.day));
}

function timeRange() {
  var p = __parts(arguments), a = p.list.map(Number);
  switch (a.length) {
    case 1: return Math.floor(p.seconds / 3600) === a[0];
    case 2: return __between(a[0], Math.floor(p.seconds / 3600), a[1]);
    case 4: return __between(a[0] * 60 + a[1], Math.floor(p.seconds / 60), a[2] * 60 + a[3]);
    case 6: return __between(a[0] * 3600 + a[1] * 60 + a[2], p.seconds, a[3] * 3600 + a[4] * 60 + a[5]);
  }
  return false;
}
