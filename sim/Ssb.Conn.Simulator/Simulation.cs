namespace Ssb.Conn.Simulator;

/// <summary>One scenario under one policy: builds the world, lets it run, and measures.</summary>
internal sealed class Simulation
{
    private const int HostsPerLan = 8;

    private static readonly TimeSpan s_arriving = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_attack = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan s_newcomers = TimeSpan.FromMinutes(13);
    private static readonly TimeSpan s_measuring = TimeSpan.FromMinutes(11);
    private static readonly TimeSpan s_session = TimeSpan.FromMinutes(40);
    private static readonly TimeSpan s_absence = TimeSpan.FromMinutes(10);

    private readonly SimOptions _options;
    private readonly Scenario _scenario;
    private readonly World _world;
    private readonly List<SimHost> _newcomers = [];
    private readonly HashSet<SimHost> _dead = [];

    private Simulation(SimOptions options, Scenario scenario, Policy policy)
    {
        _options = options;
        _scenario = scenario;
        _world = new World(policy, options.Seed);
    }

    /// <summary>The same options give the same result, but for the time that it takes.</summary>
    public static Measures Run(SimOptions options, Scenario scenario, Policy policy) => OnThisThread(() => new Simulation(options, scenario, policy).Run());

    /// <summary>How many dials a host makes in each minute, when nobody reaches anybody for a while, and when all machines sleep for a night.</summary>
    public static double[] RunOutage(SimOptions options, Policy policy) => OnThisThread(() => new Simulation(options, Scenario.All[0], policy).RunOutage());

    private static T OnThisThread<T>(Func<T> run)
    {
        // What a test runner set would take continuations to other threads.
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private Measures Run()
    {
        Build(comeAndGo: true);
        Lan[] attacked = [.. _world.Lans.Where((_, i) => i % 5 == 0)];
        AddNewcomers(attacked);
        var targets = new Targets(_world, attacked, [.. attacked.SelectMany(l => l.Hosts)], _options.Identities);
        var measures = new Measures(_world, targets.Hosts, _newcomers);

        TimeSpan end = TimeSpan.FromHours(_options.Hours);
        _world.After(s_attack, () => _scenario.Begin(targets));
        _world.Every(TimeSpan.FromMinutes(1), s_measuring, measures.Sample);
        if (_scenario.HasMassDeath)
        {
            TimeSpan death = end * 0.6;
            _world.After(death, Die);
            _world.Every(TimeSpan.FromSeconds(5), death + TimeSpan.FromSeconds(5), () => measures.SampleRecovery(death));
        }

        _world.Time.RunFor(end);
        if (_world.Problems.All.Count > 0)
            throw new InvalidOperationException($"The run is worth nothing; managers complained: {string.Join("\n", _world.Problems.All.Take(3))}");
        return measures;
    }

    private double[] RunOutage()
    {
        Build(comeAndGo: false);
        _world.After(Outage.Begins, () =>
        {
            _world.IsOut = true;
            foreach (SimHost host in _world.Hosts)
                host.CutAll();
        });
        _world.After(Outage.Ends, () => _world.IsOut = false);
        _world.After(Outage.Sleep, () => _world.Time.Offset += Outage.Night);
        var perMinute = new List<double>();
        long before = 0;
        _world.Every(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), () =>
        {
            perMinute.Add((double)(_world.Dials - before) / _world.Hosts.Count);
            before = _world.Dials;
        });
        _world.Time.RunFor(Outage.All);
        return [.. perMinute];
    }

    private void Build(bool comeAndGo)
    {
        for (int i = 0; i < Math.Max(3, _options.Honest / 20); i++)
            _world.Rooms.Add(new Room(_world, $"room-{i}", isHostile: false));
        for (int i = 0; i < Math.Max(3, _options.Honest / 25); i++)
            _world.Pubs.Add(new Pub(_world, $"pub-{i}"));
        for (int i = 0; i < Math.Max(1, _options.Honest / HostsPerLan); i++)
            _world.Lans.Add(new Lan(_world, i));
        foreach (Room room in _world.Rooms)
            room.Begin();
        for (int i = 0; i < _options.Honest; i++)
        {
            SimHost host = AddHost($"host {i}", _world.Lans[i % _world.Lans.Count]);
            foreach (Pub pub in Draw(_world.Pubs, 3))
                host.Know(pub);
            _world.After(s_arriving * _world.Random.NextDouble(), comeAndGo ? () => Live(host) : host.Up);
        }
    }

    // They know no pub, so whom they meet they meet where the attacker is.
    private void AddNewcomers(Lan[] attacked)
    {
        for (int i = 0; i < Math.Max(4, _options.Honest / 10); i++)
        {
            SimHost host = AddHost($"newcomer {i}", attacked[i % attacked.Length]);
            _newcomers.Add(host);
            _world.After(s_newcomers + (TimeSpan.FromMinutes(5) * _world.Random.NextDouble()), host.Up);
        }
    }

    private SimHost AddHost(string name, Lan lan)
    {
        var host = new SimHost(_world, name, lan);
        _world.Hosts.Add(host);
        foreach (Room room in Draw(_world.Rooms, 2))
            host.Know(room);
        return host;
    }

    // People come and go.
    private void Live(SimHost host)
    {
        if (_dead.Contains(host))
            return;
        host.Up();
        _world.After(_world.Wait(s_session), () =>
        {
            host.Down();
            _world.After(_world.Wait(s_absence), () => Live(host));
        });
    }

    private void Die()
    {
        foreach (SimHost host in _world.Hosts.Where((_, i) => i % 2 == 0))
        {
            _dead.Add(host);
            host.Down();
        }

        foreach (Room room in _world.Rooms.Where((_, i) => i % 3 == 1))
            room.Die();
        foreach (Pub pub in _world.Pubs.Where((_, i) => i % 3 == 1))
            pub.Die();
    }

    private T[] Draw<T>(List<T> all, int count) => [.. all.OrderBy(_ => _world.Random.Next()).Take(count)];
}
