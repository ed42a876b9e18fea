using System.Globalization;
using System.Net;
using Ssb;
using Ssb.Conn.Soak;
using Ssb.Conn.Soak.Hostile;

// dotnet run -c Release --project bench/soak -- [--minutes 60] [--seed 1] [--output FOLDER] [--note TEXT] [--leak heap|handles|timers|tasks|threads|book]
// dotnet run -c Release --project bench/soak -- hostile [ATTACK ...]
return args switch
{
    ["hostile", .. var attacks] => await HostileRun.RunAsync(attacks),
    // The children of both.
    ["crowd", var seed, var lanPort] => await Crowd.RunAsync(CastOf(seed), int.Parse(lanPort, CultureInfo.InvariantCulture)),
    ["attacked", var seed] => await AttackedPeer.ServeAsync(CastOf(seed)),
    ["attacker", var seed, var target, var from, var name, var seconds] =>
        await Attacker.RunAsync(CastOf(seed), MultiserverAddress.Parse(target), IPAddress.Parse(from), name, double.Parse(seconds, CultureInfo.InvariantCulture)),
    _ => SoakOptions.TryRead(args, out SoakOptions? options) ? await SoakRun.RunAsync(options) : SoakOptions.Explain(),
};

static Cast CastOf(string seed) => new(int.Parse(seed, CultureInfo.InvariantCulture));
